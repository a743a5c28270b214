package dialect

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/params"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

var _ = register(Dialect{
	Platform: "wazuh", Names: []string{"kes-respond-wazuh"}, Takes: "< LINE", answer: asWazuh,
})

// wazuhOrder is what the line says that Wazuh writes to an active response, of 4.x
// or of 5.x (wazuh/wazuh, docs/ref/modules/active-response).
type wazuhOrder struct {
	command  string          // add and delete; enable and disable
	words    []string        // extra arguments
	stateful bool            // by itself: only 5.x says so
	alert    json.RawMessage // where fields are looked up
	host     string          // path of the field with the agent's name
}

// wazuhKeys asks Wazuh whether this response runs already; only of a stateful
// one, which it then takes back after its time, does it answer.
const (
	wazuhKeys    = `{"version":1,"origin":{"name":"kes-respond-wazuh","module":"active-response"},"command":"check_keys","parameters":{"keys":[%s]}}` + "\n"
	wazuhPatient = 10 * time.Second
	wazuhLine    = 1 << 20
)

// asWazuh is an active response: one line on standard input, which stays open.
// What became of it goes to Wazuh's own log, active-responses.log.
func asWazuh(ctx context.Context, s Surroundings, _ []string) error {
	in := bufio.NewReaderSize(s.In, wazuhLine)
	line, err := in.ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return wazuhLogged(s, notSent(fmt.Sprintf("the line on standard input cannot be read, or has more than %d bytes: %s; nothing was sent", wazuhLine, err)))
	}
	line = append([]byte(nil), line...)
	f, stateful, err := wazuhForm(s, line)
	if errors.Is(err, errNothingToTakeBack) {
		return wazuhLogged(s, formReply{Message: err.Error() + "; nothing was sent"})
	}
	if err != nil {
		return wazuhLogged(s, notSent(err.Error()+"; nothing was sent"))
	}
	if stateful && !wazuhContinues(ctx, in, s.Out, f) {
		return wazuhLogged(s, formReply{Message: "Wazuh says that the same is under way already; nothing was sent"})
	}
	return wazuhLogged(s, replied(carryOut(ctx, s, f)))
}

var errNothingToTakeBack = errors.New("this task leaves nothing that could be taken back")

// wazuhForm reads the order. Its extra arguments are the task's name and
// NAME=VALUE; a VALUE that begins with @ is a path into the alert, as in
// targetHost=@agent.name. delete and disable order what takes the task back.
func wazuhForm(s Surroundings, line []byte) (form, bool, error) {
	f := form{kind: shared.TypeRespond, members: map[string]json.RawMessage{}, params: map[string]json.RawMessage{}}
	order, err := wazuhOrderIn(line)
	if err != nil {
		return f, false, err
	}
	if len(order.words) == 0 {
		return f, false, errors.New("no extra argument names a task")
	}
	t, ok := task.Lookup(order.words[0])
	if !ok {
		return f, false, fmt.Errorf("%q is no task", order.words[0])
	}
	f.members["task"], f.members["actor"] = asText(t.Name), asText("Wazuh")
	if err := f.wazuhWords(s, t, &order); err != nil {
		return f, false, err
	}
	switch order.command {
	case "add", "enable":
		return f, order.stateful, nil
	case "delete", "disable":
		return f, false, f.reverse(t)
	}
	return f, false, fmt.Errorf("%q is no command of an active response", order.command)
}

// wazuhWords reads the words behind the task's name.
func (f *form) wazuhWords(s Surroundings, t *task.Task, order *wazuhOrder) error {
	seen := map[string]bool{}
	for _, word := range order.words[1:] {
		name, value, valued := strings.Cut(word, "=")
		if !valued || name == "" || seen[name] {
			return fmt.Errorf("the extra argument %q is not NAME=VALUE, or its name stands twice", word)
		}
		seen[name] = true
		raw := asText(value)
		if path, ok := strings.CutPrefix(value, "@"); ok {
			field, err := wazuhField(order.alert, path)
			if err != nil {
				return err
			}
			if raw = field; empty(raw) {
				return fmt.Errorf("the alert has no field %s", path)
			}
		}
		switch {
		case name == "stateful" && (value == "true" || value == "false"):
			order.stateful = value == "true"
			continue
		case name == "stateful":
			return errors.New("stateful must be true or false")
		case name == t.LoadMember():
			loaded, err := s.Load(t, value) // an alert names no file
			if err != nil {
				return err
			}
			raw = asText(loaded)
		}
		if err := f.take(t, name, raw); err != nil {
			return err
		}
	}
	if seen["targetHost"] {
		return nil
	}
	host, err := wazuhField(order.alert, order.host)
	f.members["targetHost"] = host
	return err
}

// wazuhOrderIn takes members by exactly their names, and none that stands twice: in
// 5.x the fields of an event stand beside them, and whoever shapes an event would
// else turn an order into another. Which of the two it is Wazuh's own member says.
func wazuhOrderIn(line []byte) (order wazuhOrder, err error) {
	if !json.Valid(line) || bytes.TrimSpace(line)[0] != '{' {
		return order, errors.New("standard input holds no line that Wazuh writes")
	}
	field := func(path string) (raw json.RawMessage) {
		if err == nil {
			raw, err = wazuhField(line, path)
		}
		return raw
	}
	var words, kind json.RawMessage
	if five := field("wazuh.active_response") != nil; five {
		words, kind = field("wazuh.active_response.extra_arguments"), field("wazuh.active_response.type")
		order.alert, order.host = line, "wazuh.agent.name"
	} else {
		words = field("parameters.extra_args")
		order.alert, order.host = field("parameters.alert"), "agent.name"
	}
	command, one := field("command"), ""
	switch {
	case err != nil:
		return order, err
	case !empty(command) && json.Unmarshal(command, &order.command) != nil:
		return order, errors.New("the order's command is no text")
	case json.Unmarshal(words, &one) == nil:
		order.words = strings.Fields(one)
	case len(words) > 0 && json.Unmarshal(words, &order.words) != nil:
		return order, errors.New("the extra arguments are neither a text nor a list of texts")
	}
	order.stateful = string(kind) == `"stateful"`
	return order, nil
}

// reverse makes a form the one that takes it back.
func (f *form) reverse(t *task.Task) error {
	given, twice := f.given()
	if twice != nil {
		return fmt.Errorf("%s %s", twice.Pointer, twice.Message)
	}
	taken, found := t.Parse(formValue(params.SchemaOf(t), given))
	if len(found) > 0 {
		return fmt.Errorf("%s %s", found[0].Pointer, found[0].Message)
	}
	name, undo, ok := taken.Undo()
	if !ok {
		return errNothingToTakeBack
	}
	f.members["task"], f.members["params"], f.params = asText(name), undo, nil
	f.members["reason"] = asText("its time is up")
	if key := f.members["idempotencyKey"]; !empty(key) { // it stands for the task, and this is another request
		f.members["idempotencyKey"] = asText(fmt.Sprintf("end-%x", sha256.Sum256(key)))
	}
	return nil
}

// wazuhField is a field of an alert by its path; nil where there is none.
func wazuhField(alert json.RawMessage, path string) (json.RawMessage, error) {
	for step := range strings.SplitSeq(path, ".") {
		var err error
		if alert, err = member(alert, step); err != nil {
			return nil, err
		}
	}
	return alert, nil
}

// wazuhContinues asks about the host. No answer within the time counts as none to
// wait for: that it runs once is the ledger's to see to.
func wazuhContinues(ctx context.Context, in *bufio.Reader, out io.Writer, f form) bool {
	key := string(f.members["targetHost"])
	if len(key) == 0 || key[0] != '"' {
		return true // no host: refused in a moment
	}
	if _, err := fmt.Fprintf(out, wazuhKeys, key); err != nil {
		return true
	}
	answers := make(chan string, 1)
	go func() {
		line, _ := in.ReadString('\n')
		answers <- line
	}()
	select {
	case line := <-answers:
		var answer struct{ Command string }
		return json.Unmarshal([]byte(line), &answer) != nil || answer.Command != "abort"
	case <-time.After(wazuhPatient):
	case <-ctx.Done():
	}
	return true
}
