package dialect

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/params"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

const (
	// cortexTag begins a tag that says something of a request: kes:path="C:\x".
	cortexTag = "kes:"
	// cortexParam begins the name of an item that is a parameter of the task, so
	// that none is taken for one of the request's members.
	cortexParam = "param_"
)

// cortexMembers are the items that are members of a request.
var cortexMembers = []string{"server", "hostLookup", "wait", "timeout", "marker", "dryRun", "allowDuplicate", "responseEventIncidentArea"}

// gathered are values from several places, of which no two may disagree.
type gathered struct {
	values map[string]json.RawMessage
	from   map[string]string
}

func (g *gathered) add(name, from string, raw json.RawMessage) error {
	if empty(raw) {
		return nil
	}
	if g.values == nil {
		g.values, g.from = map[string]json.RawMessage{}, map[string]string{}
	}
	if old, ok := g.values[name]; ok && string(old) != string(raw) {
		return fmt.Errorf("%s has one value from %s and another from %s: it is not clear which is meant; nothing was sent", name, g.from[name], from)
	}
	g.values[name], g.from[name] = raw, from
	return nil
}

// form makes the request: the administrator's configuration says which task and
// with what, the observable and its tags say on which host and what else.
// cacerts is where Cortex puts the certificates that an administrator has pasted.
func (j cortexJob) form(cacerts string) (form, error) {
	f := form{kind: shared.TypeRespond, members: map[string]json.RawMessage{}}
	for _, name := range cortexMembers {
		f.members[name] = j.Config[name]
	}
	f.members["connection"] = j.connection(cacerts)
	var g gathered
	service := j.text("service")
	switch service {
	case shared.TypeCheck:
		return form{kind: shared.TypeCheck, members: map[string]json.RawMessage{"server": j.Config["server"], "connection": f.members["connection"]}}, nil
	case shared.TypeStatus:
		f = form{kind: shared.TypeStatus, members: map[string]json.RawMessage{
			"incident": j.newestIncident(), "server": j.Config["server"], "connection": f.members["connection"], "wait": j.Config["wait"], "timeout": j.Config["timeout"],
		}}
		if f.members["incident"] == nil {
			return f, fmt.Errorf("there is no tag %sincident here, which a responder sets when it has sent something", cortexTag)
		}
		return f, nil
	}
	t, ok := task.Lookup(service)
	if !ok {
		return f, errors.New("config.service names no task: is the flavour one of this version?")
	}
	return f, j.task(&g, t, &f)
}

// task gathers the task's parameters and its host.
func (j cortexJob) task(g *gathered, t *task.Task, f *form) error {
	var names []string
	for _, p := range params.Of(t) {
		names = append(names, p.Name)
		if err := g.add(p.Name, "the configuration of the responder", j.Config[cortexParam+p.Name]); err != nil {
			return err
		}
	}
	err := g.tags(j, func(name string) bool { return name == "targetHost" || slices.Contains(names, name) })
	if err == nil {
		err = j.observable(g, names, f)
	}
	if err != nil {
		return err
	}
	if f.members["targetHost"] = g.values["targetHost"]; f.members["targetHost"] == nil {
		return fmt.Errorf("no host is named: run it on an observable of type hostname, fqdn or ip, or set the tag %stargetHost=\"NAME\"", cortexTag)
	}
	delete(g.values, "targetHost")
	f.members["task"], f.params = asText(t.Name), g.values
	if f.params == nil {
		f.params = map[string]json.RawMessage{}
	}
	f.members["actor"] = asText("TheHive Cortex")
	f.members["reason"] = asText(shortened(j.Message, 1024))
	id := j.Data.CaseID
	if j.Data.Case != nil {
		id = j.Data.Case.CaseID
	}
	if id != nil {
		f.members["caseId"] = asText(shortened(fmt.Sprint(id), 256))
	}
	return nil
}

// observable reads the observable itself: a host's name or address, a file's
// path, a hash.
func (j cortexJob) observable(g *gathered, names []string, f *form) error {
	if j.DataType != "thehive:case_artifact" {
		return nil
	}
	d, value := j.Data, asText(j.Data.Data)
	takes := func(wanted ...string) error {
		for _, name := range wanted {
			if slices.Contains(names, name) {
				return g.add(name, "the observable", value)
			}
		}
		return fmt.Errorf("an observable of type %s is none that this task can use; nothing was sent", d.DataType)
	}
	switch {
	case d.DataType == "hostname" || d.DataType == "fqdn":
		return g.add("targetHost", "the observable", value)
	case d.DataType == "ip":
		if empty(f.members["hostLookup"]) {
			f.members["hostLookup"] = asText(shared.LookupIP)
		}
		return g.add("targetHost", "the observable", value)
	case d.DataType == "filename":
		return takes("path", "executablePath")
	case d.DataType == "hash" && len(d.Data) == 32:
		return takes("md5hash", "hash")
	case d.DataType == "hash" && len(d.Data) == 64:
		return takes("sha256hash")
	}
	return takes()
}

// tags reads the tags of the observable, or else of its case, that are for us:
// kes:NAME="VALUE".
func (g *gathered) tags(j cortexJob, ours func(name string) bool) error {
	for name, value := range j.tags() {
		if !ours(name) {
			continue
		}
		if err := g.add(name, "a tag", asText(value)); err != nil {
			return err
		}
	}
	return nil
}

// tags are the names and values of the tags that are for us.
func (j cortexJob) tags() iter.Seq2[string, string] {
	all := slices.Clone(j.Data.Tags)
	if j.Data.Case != nil {
		all = append(all, j.Data.Case.Tags...)
	}
	return func(yield func(string, string) bool) {
		for _, tag := range all {
			rest, ok := strings.CutPrefix(tag, cortexTag)
			name, value, valued := strings.Cut(rest, "=")
			if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			if ok && valued && !yield(name, value) {
				return
			}
		}
	}
}

// newestIncident is that of the last of several responses: KSC counts them up.
func (j cortexJob) newestIncident() json.RawMessage {
	var newest string
	for name, value := range j.tags() {
		if name == "incident" && wholeNumber().MatchString(value) && (len(value) > len(newest) || len(value) == len(newest) && value > newest) {
			newest = value
		}
	}
	if newest == "" {
		return nil
	}
	return asText(newest)
}

// connection is the KSC of the responder's configuration; nil where the
// machine's own configuration is to count. An account without an address does not
// go to that one's server: it is refused as incomplete.
func (j cortexJob) connection(cacerts string) json.RawMessage {
	members := map[string]json.RawMessage{}
	for _, name := range []string{"kscHost", "kscPort", "kscCert", "kscUser", "kscPassword", "kscDomain", "kscInternalUser", "kscVServer"} {
		if raw := j.Config[name]; !empty(raw) {
			members[name] = raw
		}
	}
	if members["kscHost"] == nil && members["kscUser"] == nil && members["kscPassword"] == nil && members["kscCert"] == nil {
		return nil // port and kind of account have values where nobody gave one
	}
	if _, err := os.Stat(cacerts); err == nil && members["kscCert"] == nil {
		members["kscCert"] = asText(cacerts)
	}
	return jsonObject(members)
}
