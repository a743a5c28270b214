package rpc

import (
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/kes-respond/kes-respond/shared"
)

// How requests and events become the payloads of messages, and the other way
// round.

// eventOf reads an event. One that cannot be read stands for nothing, unless it
// was the last: then nobody has to wait for another.
func eventOf(data []byte) shared.Event {
	var e shared.Event
	err := json.Unmarshal(data, &e)
	if err == nil && (e.Result == nil || e.Result.Outcome != "") {
		return e
	}
	var head struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(data, &head) == nil && (head.Type == "result" || head.Type == "error") {
		return shared.Event{Problem: &shared.Problem{
			Code: shared.BadAnswer, Message: "the plugin's answer cannot be read: the request may have been carried out",
		}}
	}
	return shared.Event{}
}

// pack makes the message of a request, which gets an id if it has none.
func pack(r shared.Request) (shared.Request, *wrapperspb.BytesValue, *shared.Error) {
	if r.ID == "" {
		r.ID = shared.NewID()
	}
	id, err := shared.ParseID([]byte(r.ID))
	if err != nil {
		return r, nil, shared.Refuse(shared.Violation{Pointer: "/id", Message: err.Error()})
	}
	r.ID = id
	text, err := shared.ASCIIJSON(r)
	switch {
	case err != nil:
		return r, nil, shared.Refuse(shared.Violation{Message: "cannot be written as JSON: " + err.Error()})
	case len(text) > shared.MaxRequestBytes:
		return r, nil, shared.Refuse(shared.Violation{Message: fmt.Sprintf("takes %d bytes as JSON; %d are allowed", len(text), shared.MaxRequestBytes)})
	}
	return r, &wrapperspb.BytesValue{Value: text}, nil
}

// read reads a request that has to be of a type. The Request has an ID unless
// the refusal is of a text that is no request of that type at all.
func read(in *wrapperspb.BytesValue, as string) (shared.Request, *shared.Error) {
	r, refusal := shared.ParseRequest(in.GetValue())
	if r.ID != "" && r.Type != as {
		return shared.Request{}, &shared.Error{
			Code: shared.BadRequest, Message: fmt.Sprintf("this method carries requests of type %s, and this one is of type %s; nothing was sent", as, r.Type),
			Assistance: "Call the method of responder.proto that carries this type.",
		}
	}
	return r, refusal
}

// packed is an event that stands alone, as a message.
func packed(e shared.Event) (*wrapperspb.BytesValue, error) {
	e.Time = time.Now().UTC()
	line, err := shared.EventLine(e)
	if err != nil {
		const message = "the full answer could not be written as an event"
		line, err = shared.EventLine(shared.Event{Time: e.Time, ID: e.ID, Problem: &shared.Problem{Code: shared.Internal, Message: message}})
	}
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &wrapperspb.BytesValue{Value: line[:len(line)-1]}, nil
}

func send(out grpc.ServerStreamingServer[wrapperspb.BytesValue], e shared.Event) error {
	m, err := packed(e)
	if err != nil {
		return err
	}
	return out.Send(m)
}
