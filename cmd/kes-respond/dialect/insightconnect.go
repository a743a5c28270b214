package dialect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/params"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

var _ = register(Dialect{
	Platform: "insightconnect", Names: []string{"kes-respond-insightconnect"}, Takes: "run", answer: asInsightConnect,
})

// envelope is one document of InsightConnect's protocol v1, in and out
// (rapid7/komand-plugin-sdk-go2, message).
type envelope struct {
	Version string `json:"version"`
	Type    string `json:"type"`
	Body    any    `json:"body"`
}

type insightStart struct {
	Type string `json:"type"`
	Body struct {
		Meta       json.RawMessage            `json:"meta"`
		Action     string                     `json:"action"`
		Connection map[string]json.RawMessage `json:"connection"`
		Input      map[string]json.RawMessage `json:"input"`
	} `json:"body"`
}

type insightEnd struct {
	Meta   json.RawMessage `json:"meta"` // untouched
	Status string          `json:"status"`
	Error  string          `json:"error"`
	Log    string          `json:"log"`
	Output formReply       `json:"output"`
}

// asInsightConnect is a plugin of InsightConnect: "run" and "test" read one
// document from standard input to its end, "info" and "sample ACTION" need none.
func asInsightConnect(ctx context.Context, s Surroundings, args []string) error {
	verb := ""
	if len(args) > 0 {
		verb = args[0]
	}
	switch {
	case verb == "info" && len(args) == 1:
		return insightInfo(s)
	case verb == "sample" && len(args) == 2:
		return insightSample(s, args[1])
	case (verb == "run" || verb == "test") && len(args) == 1:
	default:
		return exit.Usage("as insightconnect takes info, sample ACTION, test or run")
	}
	start, f, err := insightForm(s.In, verb == "test")
	end := insightEnd{Meta: start.Body.Meta, Status: "error", Output: formReply{Exit: shared.ExitRefused}}
	if end.Meta == nil {
		end.Meta = json.RawMessage("{}")
	}
	if err != nil {
		end.Error = printable.Text(err.Error()) + "; nothing was sent"
	} else {
		end.Output = replied(carryOut(ctx, s, f))
		end.Log = end.Output.Message + "\n"
		if pending := f.kind == shared.TypeStatus && end.Output.Outcome == shared.Pending; end.Output.Exit == shared.ExitOK || pending {
			end.Status = "ok"
		} else {
			end.Error = end.Output.Message
		}
	}
	if err := json.NewEncoder(s.Out).Encode(envelope{Version: "v1", Type: "action_event", Body: end}); err != nil {
		return unheard(end.Output.Result, err)
	}
	if end.Status != "ok" {
		return exit.With(max(end.Output.Exit, shared.ExitFailed), nil)
	}
	return nil
}

func insightForm(in io.Reader, test bool) (insightStart, form, error) {
	var start insightStart
	f := form{kind: shared.TypeRespond, members: map[string]json.RawMessage{}}
	data, err := handedOver(in)
	if err != nil {
		return start, f, err
	}
	if found, err := shared.CheckJSON(data); err != nil {
		return start, f, errors.New("standard input holds no document of InsightConnect")
	} else if len(found) > 0 {
		return start, f, fmt.Errorf("%s %s", found[0].Pointer, found[0].Message)
	}
	if err := json.Unmarshal(data, &start); err != nil || start.Type != "action_start" {
		return start, f, errors.New("standard input holds no document of type action_start")
	}
	if f.members["connection"], err = insightConnection(start.Body.Connection); err != nil {
		return start, f, err
	}
	t, isTask := task.Lookup(start.Body.Action)
	switch {
	case test || start.Body.Action == shared.TypeCheck:
		f.kind = shared.TypeCheck
		return start, f, nil
	case start.Body.Action == shared.TypeStatus:
		f.kind = shared.TypeStatus
	case !isTask:
		return start, f, fmt.Errorf("%q is no action of this plugin", start.Body.Action)
	default:
		f.members["task"], f.members["actor"] = asText(t.Name), asText("InsightConnect")
	}
	if isTask && !params.IsList(t) { // of a list the whole is an input, params
		f.params = map[string]json.RawMessage{}
	}
	for name, raw := range start.Body.Input {
		if err := f.take(t, name, raw); err != nil {
			return start, f, err
		}
	}
	return start, f, nil
}

// insightConnection takes the account from the platform's own type for it,
// credential_username_password.
func insightConnection(given map[string]json.RawMessage) (json.RawMessage, error) {
	members := map[string]json.RawMessage{}
	for name, raw := range given {
		if name != "credentials" && !empty(raw) {
			members[name] = raw
		}
	}
	var account struct{ Username, Password json.RawMessage }
	if raw := given["credentials"]; !empty(raw) && json.Unmarshal(raw, &account) != nil {
		return nil, errors.New("credentials are no username and password") // nothing of them is said
	}
	for name, raw := range map[string]json.RawMessage{"kscUser": account.Username, "kscPassword": account.Password} {
		if !empty(raw) {
			members[name] = raw
		}
	}
	if len(members) == 0 {
		return nil, nil // the machine's configuration
	}
	return jsonObject(members), nil
}

func insightInfo(s Surroundings) error {
	const info = "Name:    Kaspersky Endpoint Security responses\nVendor:  kes-respond\nVersion: %s\nActions: %d, check and status\n"
	if _, err := fmt.Fprintf(s.Out, info, s.Version, len(task.All())); err != nil {
		return exit.With(shared.ExitFailed, err)
	}
	return nil
}

// insightSample is a document to edit and send: a dry run.
func insightSample(s Surroundings, action string) error {
	t, ok := task.Lookup(action)
	if !ok {
		return exit.Usage("%q is no action of this plugin", action)
	}
	input := map[string]json.RawMessage{}
	if params.IsList(t) {
		input["params"] = t.Sample()
	} else if err := json.Unmarshal(t.Sample(), &input); err != nil {
		return exit.With(shared.ExitFailed, err)
	}
	input["targetHost"], input["dryRun"] = asText("PC-12"), json.RawMessage("true")
	var start insightStart
	start.Body.Action, start.Body.Input, start.Body.Meta = t.Name, input, json.RawMessage("{}")
	start.Body.Connection = map[string]json.RawMessage{}
	enc := json.NewEncoder(s.Out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(envelope{Version: "v1", Type: "action_start", Body: start.Body}); err != nil {
		return exit.With(shared.ExitFailed, err)
	}
	return nil
}
