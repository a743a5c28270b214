package dialect

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/params"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

var _ = register(Dialect{
	Platform: "wazuh", Names: []string{"kes-respond-wazuh"}, Takes: "< LINE", answer: asWazuh,
})

// wazuhOrder is the line that Wazuh writes to an active response, of 4.x and of
// 5.x (wazuh/wazuh, docs/ref/modules/active-response).
type wazuhOrder struct {
	Command    string `json:"command"` // add and delete; enable and disable
	Parameters struct {
		Extra []string        `json:"extra_args"`
		Alert json.RawMessage `json:"alert"`
	} `json:"parameters"`
	Wazuh struct {
		Response struct {
			Type  string          `json:"type"`
			Extra json.RawMessage `json:"extra_arguments"` // a list or one text
		} `json:"active_response"`
	} `json:"wazuh"`
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
		return exit.Usage("as wazuh: the line on standard input cannot be read: %w", err)
	}
	line = append([]byte(nil), line...)
	f, stateful, err := wazuhForm(s, line)
	if errors.Is(err, errNothingToTakeBack) {
		return nil
	}
	if err != nil {
		return wazuhLogged(s, notSent(err.Error()+"; nothing was sent"))
	}
	if stateful && !wazuhContinues(ctx, in, s.Out, f) {
		return nil
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
	alert, stateful := order.Parameters.Alert, order.Wazuh.Response.Type == "stateful"
	words := order.Parameters.Extra
	if order.Wazuh.Response.Extra != nil {
		alert = line
		var one string
		if json.Unmarshal(order.Wazuh.Response.Extra, &one) == nil {
			words = strings.Fields(one)
		} else if json.Unmarshal(order.Wazuh.Response.Extra, &words) != nil {
			return f, false, errors.New("extra_arguments are neither a text nor a list of texts")
		}
	}
	if len(words) == 0 {
		return f, false, errors.New("no extra argument names a task")
	}
	t, ok := task.Lookup(words[0])
	if !ok {
		return f, false, fmt.Errorf("%q is no task", words[0])
	}
	f.members["task"], f.members["actor"] = asText(t.Name), asText("Wazuh")
	f.members["targetHost"] = wazuhField(alert, "agent.name")
	seen := map[string]bool{}
	for _, word := range words[1:] {
		name, value, valued := strings.Cut(word, "=")
		if !valued || seen[name] {
			return f, false, fmt.Errorf("the extra argument %q is not NAME=VALUE, or its name stands twice", word)
		}
		seen[name] = true
		raw := asText(value)
		if field, ok := strings.CutPrefix(value, "@"); ok {
			if raw = wazuhField(alert, field); empty(raw) {
				return f, false, fmt.Errorf("the alert has no field %s", field)
			}
		}
		if name == "stateful" {
			stateful = value == "true"
			continue
		}
		if name == t.LoadMember() {
			loaded, err := s.Load(t, value)
			if err != nil {
				return f, false, err
			}
			raw = asText(loaded)
		}
		if err := f.take(t, name, raw); err != nil {
			return f, false, err
		}
	}
	switch order.Command {
	case "add", "enable":
		return f, stateful, nil
	case "delete", "disable":
		return f, false, f.reverse(t)
	}
	return f, false, fmt.Errorf("%q is no command of an active response", order.Command)
}

// wazuhOrderIn takes the members by exactly their names: in 5.x the fields of an
// event stand beside them, and "Command" would be taken for "command".
func wazuhOrderIn(line []byte) (wazuhOrder, error) {
	var order wazuhOrder
	var members map[string]json.RawMessage
	err := json.Unmarshal(line, &members)
	for name, to := range map[string]any{"command": &order.Command, "parameters": &order.Parameters, "wazuh": &order.Wazuh} {
		if raw, ok := members[name]; ok && err == nil {
			err = json.Unmarshal(raw, to)
		}
	}
	if err != nil {
		return order, errors.New("standard input holds no line that Wazuh writes")
	}
	return order, nil
}

// reverse makes a form the one that takes it back.
func (f *form) reverse(t *task.Task) error {
	taken, found := t.Parse(formValue(params.SchemaOf(t), jsonObject(f.params)))
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
func wazuhField(alert json.RawMessage, path string) json.RawMessage {
	for step := range strings.SplitSeq(path, ".") {
		var members map[string]json.RawMessage
		if json.Unmarshal(alert, &members) != nil {
			return nil
		}
		alert = members[step]
	}
	return alert
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

// wazuhLogged adds a line to the log where Wazuh has one: two folders above the
// program's. It gives the exit code.
func wazuhLogged(s Surroundings, reply formReply) error {
	line, err := json.Marshal(reply)
	if err != nil {
		return exit.With(shared.ExitFailed, err)
	}
	text := time.Now().UTC().Format("2006/01/02 15:04:05") + " active-response/bin/kes-respond-wazuh: " + string(line) + "\n"
	log := filepath.Join(filepath.Dir(s.Executable), "..", "..", "logs", "active-responses.log")
	to, err := os.OpenFile(log, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil { // run elsewhere
		_, err = io.WriteString(s.Err, text)
	} else {
		_, err = to.WriteString(text)
		err = errors.Join(err, to.Close())
	}
	if err != nil {
		return exit.With(shared.ExitFailed, err)
	}
	return reply.end()
}
