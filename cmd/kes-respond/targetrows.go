package main

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

// target is one host of a file, and what is to be done there.
type target struct {
	line   int
	host   string
	params *targetParams
}

// targetParams are parameters that were checked. Lines that say the same share
// them.
type targetParams struct {
	sent      json.RawMessage // as they stand in the request
	checked   task.Params
	flaw      string // what is wrong with them; else empty
	slot      string // the lasting condition that they set, and to what
	value     string
	signature string // two with the same ask for the same
}

// targetReader makes targets of the lines of a file.
type targetReader struct {
	flags   *taskFlags
	members []paramFlag // by the sheet's columns
	known   map[string]*targetParams
	bytes   int
	notes   flaws // what is passed over, and why
}

// targets are those of a sheet, each host and what is to be done there once; the
// notes say what is passed over. The error is about the command line or the
// header, or names all lines that are wrong.
func (f *taskFlags) targets(sh sheet) (all []target, notes flaws, err error) {
	r := targetReader{flags: f, known: map[string]*targetParams{}}
	if err := r.header(sh); err != nil {
		return nil, notes, err
	}
	if len(sh.columns) == 0 && len(sh.rows) > 0 { // then it is the flags that are wrong, not each line
		p, err := r.params(sh.rows[0])
		if err == nil && p.flaw != "" {
			err = exit.With(shared.ExitRefused, fmt.Errorf("%s: %s; nothing was sent", f.task.Name, p.flaw))
		}
		if err != nil {
			return nil, notes, err
		}
	}
	first := map[string]int{} // where a host is told to do what
	state := map[string]target{}
	for _, row := range sh.rows {
		t := target{line: row.line, host: row.host}
		t.params, err = r.params(row)
		if err != nil {
			return nil, notes, err
		}
		if wrong := hostFlaw(f.task, row.host); wrong != "" {
			sh.flaws.add(row.line, "%s", wrong)
			continue
		}
		if t.params.flaw != "" {
			sh.flaws.add(row.line, "%s: %s", row.host, t.params.flaw)
			continue
		}
		host := strings.ToLower(row.host)
		if at, twice := first[host+"\x00"+t.params.signature]; twice {
			r.notes.add(row.line, "%s stands on line %d already: it is sent once", row.host, at)
			continue
		}
		first[host+"\x00"+t.params.signature] = row.line
		if p := t.params; p.slot != "" {
			other, set := state[host+"\x00"+p.slot]
			if set && other.params.value != p.value {
				sh.flaws.add(row.line, "%s: says the opposite of line %d", row.host, other.line)
				continue
			}
			state[host+"\x00"+p.slot] = t
		}
		all = append(all, t)
	}
	if len(sh.flaws.all) > 0 {
		return nil, notes, &sh.flaws
	}
	return all, r.notes, nil
}

// header finds the parameters that the columns stand for.
func (r *targetReader) header(sh sheet) error {
	if len(sh.columns) > 0 && r.flags.params.set {
		return exit.Usage("--params and the columns of the file exclude each other")
	}
	for _, name := range sh.columns {
		at := slices.IndexFunc(r.flags.members, func(m paramFlag) bool { return m.param.Name == name })
		if at < 0 {
			var names []string
			for _, m := range r.flags.members {
				names = append(names, m.param.Name)
			}
			return exit.With(shared.ExitRefused, fmt.Errorf("%s: %q is no parameter of %s; its header may have %s, %s; nothing was sent",
				sh.flaws.file, name, r.flags.task.Name, hostColumn, strings.Join(names, ", ")))

		}
		m := r.flags.members[at]
		if m.value.set {
			return exit.Usage("--%s and the column of that name exclude each other", name)
		}
		r.members = append(r.members, m)
	}
	return nil
}

// params are those of a line, checked. Its error is that too much would have to
// be held, or that the flags are wrong.
func (r *targetReader) params(row sheetRow) (*targetParams, error) {
	signature := strings.Join(row.cells, "\x00")
	if p := r.known[signature]; p != nil {
		return p, nil
	}
	p := &targetParams{signature: signature}
	r.known[signature] = p
	members := slices.Clone(r.flags.members)
	for i, cell := range row.cells {
		if cell == "" {
			continue // as a flag that is left out
		}
		like := *r.members[i].value
		value := &once{kind: like.kind, check: like.check}
		if err := value.Set(cell); err != nil {
			p.flaw = fmt.Sprintf("%s %v", r.members[i].param.Name, err)
			return p, nil
		}
		at := slices.IndexFunc(members, func(m paramFlag) bool { return m.param.Name == r.members[i].param.Name })
		members[at].value = value
	}
	raw, err := r.flags.paramsJSON(members)
	if end, is := errors.AsType[*exit.Error](err); is && len(row.cells) > 0 {
		p.flaw = end.Error() // a file that cannot be read
		return p, nil
	} else if err != nil {
		return nil, err
	}
	if r.bytes += len(raw); r.bytes > maxTargetParams {
		return nil, exit.With(shared.ExitRefused, fmt.Errorf("line %d: the parameters of the lines up to here have more than %d bytes: part the file; nothing was sent", row.line, maxTargetParams))
	}
	p.check(r.flags, raw)
	return p, nil
}

// check holds the parameters against their task.
func (p *targetParams) check(f *taskFlags, raw json.RawMessage) {
	// As a request they are checked for strict JSON as well.
	_, refusal := shared.ParseRequest(lineOf(f.task.Name, "any", raw))
	var found []shared.Violation
	if refusal != nil {
		found = refusal.Violations
		p.flaw = refusal.Message
	} else {
		p.checked, found = f.task.Parse(raw)
	}
	var texts []string
	for _, v := range found {
		texts = append(texts, display.Place(v.Pointer, !f.params.set)+" "+v.Message)
	}
	if len(texts) > 0 {
		p.flaw = strings.Join(texts, "; ")
	}
	p.sent = raw
	p.slot, p.value, _ = p.checked.State()
	if p.flaw == "" {
		sum := sha256.Sum256(p.checked.JSON())
		p.signature = string(sum[:])
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
