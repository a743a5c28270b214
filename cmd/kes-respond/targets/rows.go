package targets

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/display"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// maxTargetParams bounds the parameters of all lines together: those that are
// the same are held once.
const maxTargetParams = 64 << 20

// reader makes targets of the lines of a file.
type reader struct {
	Asked
	known map[string]*Params
	bytes int
	notes flaws // what is passed over, and why
}

// targets are those of a sheet. The error is about the command line or the header,
// or names all lines that are wrong.
func (a Asked) targets(sh sheet) (all []Target, _ Notes, err error) {
	r := reader{Asked: a, known: map[string]*Params{}}
	if err := r.header(sh); err != nil {
		return nil, Notes{}, err
	}
	if len(sh.columns) == 0 && len(sh.rows) > 0 { // then it is the flags that are wrong, not each line
		p, err := r.params(sh, sh.rows[0])
		if err == nil && p.flaw != "" {
			err = exit.With(shared.ExitRefused, fmt.Errorf("%s: %s; nothing was sent", r.Task.Name, p.flaw))
		}
		if err != nil {
			return nil, Notes{}, err
		}
	}
	first := map[string]int{} // where a host is told to do what
	state := map[string]Target{}
	for _, row := range sh.rows {
		t := Target{Line: row.line, Host: row.host}
		t.Params, err = r.params(sh, row)
		if err != nil {
			return nil, Notes{}, err
		}
		if wrong := hostFlaw(r.Task, row.host); wrong != "" {
			sh.flaws.add(row.line, "%s", wrong)
			continue
		}
		if t.Params.flaw != "" {
			sh.flaws.add(row.line, "%s: %s", row.host, t.Params.flaw)
			continue
		}
		host := strings.ToLower(row.host)
		if at, twice := first[host+"\x00"+t.Params.Signature]; twice {
			r.notes.add(row.line, "%s stands on line %d already: it is sent once", row.host, at)
			continue
		}
		first[host+"\x00"+t.Params.Signature] = row.line
		if p := t.Params; p.slot != "" {
			other, set := state[host+"\x00"+p.slot]
			if set && other.Params.value != p.value {
				sh.flaws.add(row.line, "%s: says the opposite of line %d", row.host, other.Line)
				continue
			}
			state[host+"\x00"+p.slot] = t
		}
		all = append(all, t)
	}
	if len(sh.flaws.all) > 0 {
		return nil, Notes{}, exit.With(shared.ExitRefused, &sh.flaws)
	}
	return all, r.notes.listed(), nil
}

// header holds the columns against the parameters.
func (r *reader) header(sh sheet) error {
	if len(sh.columns) > 0 && r.JSON {
		return exit.Usage("--params and the columns of the file exclude each other")
	}
	for _, name := range sh.columns {
		switch {
		case !slices.Contains(r.Names, name):
			return exit.With(shared.ExitRefused, fmt.Errorf("%s: %q is no parameter of %s; its header may have %s, %s; nothing was sent",
				sh.flaws.file, name, r.Task.Name, hostColumn, strings.Join(r.Names, ", ")))
		case slices.Contains(r.Given, name):
			return exit.Usage("--%s and the column of that name exclude each other", name)
		}
	}
	return nil
}

// params are those of a line, checked. Its error is that too much would have to
// be held, or that the flags are wrong.
func (r *reader) params(sh sheet, row sheetRow) (*Params, error) {
	signature := strings.Join(row.cells, "\x00")
	if p := r.known[signature]; p != nil {
		return p, nil
	}
	p := &Params{Signature: signature}
	r.known[signature] = p
	raw, err := r.Params(sh.columns, row.cells)
	if end, is := errors.AsType[*exit.Error](err); is && len(row.cells) > 0 {
		p.flaw = end.Error() // a value that is none, or a file that cannot be read
		return p, nil
	} else if err != nil {
		return nil, err
	}
	if r.bytes += len(raw); r.bytes > maxTargetParams {
		return nil, exit.With(shared.ExitRefused, fmt.Errorf("line %d: the parameters of the lines up to here have more than %d bytes: part the file; nothing was sent", row.line, maxTargetParams))
	}
	p.check(r.Asked, raw)
	return p, nil
}

// check holds the parameters against their task.
func (p *Params) check(a Asked, raw json.RawMessage) {
	// As a request they are checked for strict JSON as well.
	_, refusal := shared.ParseRequest(lineOf(a.Task.Name, "any", raw))
	var found []shared.Violation
	if refusal != nil {
		found = refusal.Violations
		p.flaw = refusal.Message
	} else {
		p.Checked, found = a.Task.Parse(raw)
	}
	var texts []string
	for _, v := range found {
		texts = append(texts, display.Place(v.Pointer, !a.JSON)+" "+v.Message)
	}
	if len(texts) > 0 {
		p.flaw = strings.Join(texts, "; ")
	}
	p.Sent = raw
	p.slot, p.value, _ = p.Checked.State()
	if p.flaw == "" {
		sum := sha256.Sum256(p.Checked.JSON())
		p.Signature = string(sum[:])
	}
}

// A name of these letters, and not longer, is one that every request may have.
const (
	plainName  = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	plainBytes = 64
)

// hostFlaw says what is wrong with the name of a host.
func hostFlaw(t *task.Task, host string) string {
	switch {
	case host == "":
		return "names no host"
	case len(host) <= plainBytes && strings.Trim(host, plainName) == "": // nearly all are, and the whole check would take most of the time
		return ""
	}
	_, refusal := shared.ParseRequest(lineOf(t.Name, host, json.RawMessage("{}")))
	switch {
	case refusal == nil:
		return ""
	case len(refusal.Violations) > 0:
		return fmt.Sprintf("the host %q %s", printable.Short(host), refusal.Violations[0].Message)
	}
	return refusal.Message
}

func lineOf(name, host string, params json.RawMessage) []byte {
	line, err := json.Marshal(map[string]any{"task": name, "targetHost": host, "params": params})
	if err != nil {
		return nil // which is no request
	}
	return line
}
