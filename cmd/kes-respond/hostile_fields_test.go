package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// member is one member of a request, as JSON.
type member struct{ name, literal string }

// ask is a request of which one field holds what an event put there. It is one
// of the harmless requests below in all else.
type ask struct {
	number   int
	task     string
	field    string // "" in a harmless request, by which the others are measured
	value    hostile
	envelope []member
	params   []member
	array    bool
	found    string // the id of the host that its name means; "" where that is the id
}

const (
	harmlessMD5    = `"44d88612fea8a8f36de82e1278abb02f"`
	harmlessSHA256 = `"275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"`
	harmlessFile   = `"C:\\n\\a.exe"`
)

// harmlessParams are params of the tasks that take texts.
func harmlessParams() map[string][]member {
	file := []member{{"md5hash", harmlessMD5}, {"sha256hash", harmlessSHA256}, {"path", harmlessFile}}
	return map[string][]member{
		"getFile": file, "quarantineFile": file, "deleteFile": append(file[:3:3], member{"searchInSubfolders", "false"}),
		"terminateProcess": append(file[:3:3], member{"caseSensitive", "false"}),
		"preventExecution": {{"hash", harmlessMD5}, {"path", harmlessFile}, {"caseSensitive", "false"}},
		"startProcess":     {{"executablePath", harmlessFile}, {"arguments", `"/c a"`}, {"workingFolder", `"C:\\n"`}},
		"onDemandScan":     {{"enabled", "true"}, {"path", `"C:\\n"`}, {"recursive", "false"}, {"type", "22"}},
		"iocScan":          {{"ioc", harmlessIOC()}, {"isolateHost", "false"}, {"scanCriticalAreas", "false"}, {"quarantineObject", "false"}},
	}
}

// harmlessIOC is an archive with an indicator, in base64.
func harmlessIOC() string {
	t, _ := task.Lookup("iocScan")
	var sample struct{ IOC json.RawMessage }
	_ = json.Unmarshal(t.Sample(), &sample) // a sample is JSON
	return string(sample.IOC)
}

// hostileFields are the fields that an event could fill: of the envelope, in a
// request for deleteFile, and each text of the params.
func hostileFields() (all [][2]string) {
	for _, name := range []string{
		"targetHost", "targetHost", "targetHost", "responseEventIncidentArea", "actor", "reason", "caseId", "idempotencyKey", "id", "server", "task",
	} {
		all = append(all, [2]string{"deleteFile", name})
	}
	for _, t := range []string{"deleteFile", "getFile", "iocScan", "onDemandScan", "preventExecution", "quarantineFile", "startProcess", "terminateProcess"} {
		for _, m := range harmlessParams()[t] {
			if m.literal[0] == '"' {
				all = append(all, [2]string{t, "params." + m.name})
			}
		}
	}
	return all
}

// newAsk is the harmless request of a task with a number of its own, and the
// value in one field.
func newAsk(number int, task, field string, value hostile) ask {
	quote := func(text string) string { return strconv.Quote(text) }
	a := ask{number: number, task: task, field: field, value: value, array: task == "onDemandScan", envelope: []member{
		{"id", quote("id-" + strconv.Itoa(number))},
		{"task", quote(task)},
		{"targetHost", quote(hostOf(number))},
		{"hostLookup", `"never"`},
		{"server", `"default"`},
		{"responseEventIncidentArea", `"KUMA"`},
		{"actor", `"an actor"`},
		{"reason", `"a reason"`},
		{"caseId", `"a case"`},
		{"idempotencyKey", quote("key-" + strconv.Itoa(number))},
	}, params: append([]member{}, harmlessParams()[task]...)}
	if field == "targetHost" { // then this is what tells the request from others
		a.set("params.path", quote(fileOf(number)))
		a.set("hostLookup", quote([]string{"never", "auto", "id"}[number%3]))
	}
	if field != "" {
		a.set(field, value.literal)
	}
	return a
}

func hostOf(number int) string { return "h-" + strconv.Itoa(number) }
func fileOf(number int) string { return fmt.Sprintf(`C:\n\%d.exe`, number) }

func (a *ask) set(field, literal string) {
	list, name := a.envelope, field
	if param, ok := strings.CutPrefix(field, "params."); ok {
		list, name = a.params, param
	}
	for i := range list {
		if list[i].name == name {
			list[i].literal = literal
			return
		}
	}
	panic("no field " + field)
}

func object(members []member) string {
	parts := []string{}
	for _, m := range members {
		parts = append(parts, `"`+m.name+`":`+m.literal)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func (a ask) paramsJSON() string {
	if a.array {
		return "[" + object(a.params) + "]"
	}
	return object(a.params)
}

// line is the request as a line of JSON.
func (a ask) line() string {
	return object(append(a.envelope[:len(a.envelope):len(a.envelope)], member{"params", a.paramsJSON()}))
}

// request is what a Go program asks that has checked nothing.
func (a ask) request() shared.Request {
	text := map[string]string{}
	for _, m := range a.envelope {
		value := a.value.text
		if m.name != a.field {
			_ = json.Unmarshal([]byte(m.literal), &value) // all of the envelope are texts
		}
		text[m.name] = value
	}
	id := shared.ID(strconv.Quote(text["id"]))
	if a.field == "id" {
		id = shared.ID(a.value.literal)
	}
	return shared.Request{
		Type: shared.TypeRespond, ID: id, Task: text["task"], TargetHost: text["targetHost"], Params: json.RawMessage(a.paramsJSON()), Server: text["server"],
		ResponseEventIncidentArea: text["responseEventIncidentArea"], HostLookup: text["hostLookup"], Wait: shared.WaitSubmit, Actor: text["actor"], Reason: text["reason"],
		CaseID: text["caseId"], IdempotencyKey: text["idempotencyKey"],
	}
}

// flags are the request as a command line; ok is false for what none can say.
func (a ask) flags() (args []string, ok bool) {
	const most = 100 << 10 // Linux takes 128 KiB an argument
	if strings.Contains(a.value.text, "\x00") || len(a.value.text) > most || a.field == "id" || a.field == "task" || a.task == "iocScan" {
		return nil, false
	}
	args = []string{a.task}
	for _, m := range append(a.envelope[2:len(a.envelope):len(a.envelope)], a.params...) {
		text := m.literal // a number or a boolean
		_ = json.Unmarshal([]byte(m.literal), &text)
		if m.name == a.field || "params."+m.name == a.field {
			text = a.value.text
		}
		if a.number%2 == 0 {
			args = append(args, "--"+m.name+"="+text)
			continue
		}
		args = append(args, "--"+m.name, text)
	}
	return args, true
}

// name is the host as the request names it.
func (a ask) name() string {
	if a.field == "targetHost" {
		return a.value.text
	}
	return hostOf(a.number)
}

// host is the id of the host that the request means.
func (a ask) host() string {
	if a.found != "" {
		return a.found
	}
	return a.name()
}

// wanted is the incident's body that this request may have, made of the one of
// the harmless request: what differs is its own value in its own field.
func (a ask) wanted(harmless string) (any, error) {
	var body map[string]any
	if err := json.Unmarshal([]byte(harmless), &body); err != nil {
		return nil, err
	}
	body["targetHost"] = a.host()
	params, _ := body["params"].(map[string]any)
	if list, ok := body["params"].([]any); ok {
		params = list[0].(map[string]any)
	}
	if a.field == "targetHost" {
		params["path"] = fileOf(a.number)
	}
	switch name, isParam := strings.CutPrefix(a.field, "params."); {
	case isParam:
		params[name] = a.value.text
	case a.field == "responseEventIncidentArea":
		body[a.field] = a.value.text
	}
	return body, nil
}

var numbered = regexp.MustCompile(`^h-([0-9]+)$|^C:\\n\\([0-9]+)\.exe$`)

// numberOf finds the request of an incident by its host, or else by its file.
func numberOf(host, body string) (int, bool) {
	var b struct {
		Params struct {
			Path string `json:"path"`
		} `json:"params"`
	}
	_ = json.Unmarshal([]byte(body), &b) // an array is of a request that has a host of its own
	for _, text := range []string{host, b.Params.Path} {
		if m := numbered.FindStringSubmatch(text); m != nil {
			n, err := strconv.Atoi(m[1] + m[2])
			return n, err == nil
		}
	}
	return 0, false
}
