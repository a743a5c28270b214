package rpc

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/kes-respond/kes-respond/shared"
)

// maxWaiting is how many events may wait for a slow host before the request
// waits with them.
const maxWaiting = 64

// outgoing is the events of one request on their way to the host. The Responder
// puts them in, pump sends them; so a host that does not read holds up the one
// that sends, and the Responder only as long as nobody cancels.
type outgoing struct {
	ctx     context.Context // of the request
	id      shared.ID
	waiting chan shared.Event
	over    chan struct{} // closed when the last event is known
	once    sync.Once
	last    shared.Event
}

func newOutgoing(ctx context.Context, id shared.ID) *outgoing {
	return &outgoing{ctx: ctx, id: id, waiting: make(chan shared.Event, maxWaiting), over: make(chan struct{})}
}

// emit takes an accepted or progress event. All else is the carrier's to say
// and is dropped, and so is what comes after the end. A request that has been
// cancelled does not wait: what finds no room then is dropped.
func (o *outgoing) emit(e shared.Event) {
	if e.Accepted == nil && e.Progress == nil || e.Result != nil {
		return
	}
	select {
	case <-o.over:
		return
	default:
	}
	select {
	case o.waiting <- e:
		return
	default:
	}
	select {
	case o.waiting <- e:
	case <-o.ctx.Done():
	case <-o.over:
	}
}

// end says what the last event is. Only the first to say so is heard.
func (o *outgoing) end(last shared.Event) {
	o.once.Do(func() {
		o.last = last
		close(o.over)
	})
}

// pump sends events until the last has been sent. When the host cannot be
// reached any more it cancels the request, and still waits for its end. Once
// given is closed it waits no longer: unended is the last event then. Before
// the last event is sent, forget is called.
func (o *outgoing) pump(out grpc.ServerStreamingServer[wrapperspb.BytesValue], given <-chan struct{}, forget, cancel func(), unended shared.Event) error {
	seq, lost := int64(0), error(nil)
	put := func(e shared.Event) {
		if lost != nil {
			return
		}
		e.Time, e.ID, e.Seq = time.Now().UTC(), o.id, seq
		line, err := shared.EventLine(e)
		if err != nil && e.Result == nil {
			return // nothing of the outcome is lost with it
		}
		if err != nil {
			line, err = shared.EventLine(substitute(e))
		}
		if err == nil {
			err = out.Send(&wrapperspb.BytesValue{Value: line[:len(line)-1]})
		}
		if err != nil {
			lost = err
			cancel()
			return
		}
		seq++
	}
	for {
		select {
		case e := <-o.waiting:
			put(e)
			continue
		case <-o.over:
		case <-given:
			o.end(unended)
		}
		break
	}
	for len(o.waiting) > 0 {
		put(<-o.waiting)
	}
	forget()
	put(o.last)
	return lost
}

// substitute stands in for a result that cannot be written: what it said of the
// outcome stays true, the rest is left out.
func substitute(e shared.Event) shared.Event {
	const message = "the full answer could not be written as an event"
	r := &shared.Result{Outcome: e.Result.Outcome, Message: message, Error: &shared.Error{Code: shared.Internal, Message: message}}
	if e.Result.Error != nil {
		r.Error.Code = e.Result.Error.Code
	}
	if i := e.Result.Incident; i != nil && len(i.ID)+len(i.Server) < 1024 {
		r.Incident = &shared.Incident{Server: i.Server, ID: i.ID}
	}
	e.Result = r
	return e
}
