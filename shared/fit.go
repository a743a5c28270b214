package shared

import "slices"

// fit is how much of an event is kept.
type fit struct {
	body int // longest body of a plan; a longer one is left out
	text int // bytes of each text for people; a longer one is cut
	raw  int // longest schema, sample, hints and undo; a longer one is left out
	list int // entries of each list; omitted counts the others of an error
	name int // longest name or id that KSC gave; a longer one is left out, for half an id names another thing
}

// fits are tried in turn until the event is short enough. Nothing that is
// longer than a whole line is tried.
func fits() []fit {
	const all = MaxEventBytes
	return []fit{
		{all, all, all, all, all},
		{0, all, all, all, all},
		{0, 4096, all, all, all},
		{0, 1024, all, all, all},
		{0, 256, all, all, all},
		{0, 256, 0, all, all},
		{0, 256, 0, MaxListed, all},
		{0, 64, 0, MaxListed / 2, 1024},
		{0, 64, 0, 0, 256},
	}
}

func (f fit) event(e Event) Event {
	switch {
	case e.Hello != nil:
		h := *e.Hello
		h.Name, h.Version = f.cut(h.Name), f.cut(h.Version)
		if len(h.Tasks) > f.list {
			h.Tasks = h.Tasks[:f.list]
		}
		e.Hello = &h
	case e.Accepted != nil:
		a := Accepted{Host: f.host(e.Accepted.Host)}
		e.Accepted = &a
	case e.Progress != nil:
		p := *e.Progress
		p.Message, p.Incident, p.ConsoleTask = f.cut(p.Message), f.incident(p.Incident), f.consoleTask(p.ConsoleTask)
		e.Progress = &p
	case e.Result != nil:
		e.Result = f.result(*e.Result)
	case e.Described != nil:
		e.Described = f.description(*e.Described)
	case e.Checked != nil:
		e.Checked = f.checked(*e.Checked)
	case e.Problem != nil:
		p := *e.Problem
		p.Message, p.Assistance = f.cut(p.Message), f.cut(p.Assistance)
		e.Problem = &p
	}
	return e
}

func (f fit) cut(s string) string { return shorten(s, f.text) }

func (f fit) named(s string) string {
	if len(s) > f.name {
		return ""
	}
	return s
}

func (f fit) host(h Host) Host { return Host{ID: f.named(h.ID), Name: f.cut(h.Name)} }

func (f fit) incident(i *Incident) *Incident {
	if i == nil {
		return nil
	}
	return &Incident{Server: f.named(i.Server), ID: f.named(i.ID), AddedAt: i.AddedAt}
}

func (f fit) consoleTask(t *ConsoleTask) *ConsoleTask {
	if t == nil {
		return nil
	}
	c := *t
	c.ID, c.Name, c.State, c.Description = f.named(c.ID), f.cut(c.Name), f.cut(c.State), f.cut(c.Description)
	return &c
}

func (f fit) result(r Result) *Result {
	r.Task, r.DuplicateOf = f.named(r.Task), f.named(r.DuplicateOf)
	r.TargetHost, r.Message = f.cut(r.TargetHost), f.cut(r.Message)
	if r.Host != nil {
		host := f.host(*r.Host)
		r.Host = &host
	}
	r.Incident = f.incident(r.Incident)
	r.ConsoleTask = f.consoleTask(r.ConsoleTask)
	r.HostEvents = slices.Clone(r.HostEvents[:min(len(r.HostEvents), f.list)])
	for i := range r.HostEvents {
		e := &r.HostEvents[i]
		e.Type, e.Descriptions = f.cut(e.Type), slices.Clone(e.Descriptions[:min(len(e.Descriptions), f.list)])
		for n := range e.Descriptions {
			e.Descriptions[n] = f.cut(e.Descriptions[n])
		}
	}
	if r.Undo != nil && len(r.Undo.Task)+len(r.Undo.Params) > f.raw {
		r.Undo = nil
	}
	if r.Plan != nil {
		p := *r.Plan
		if len(p.Body) > f.body {
			p.Body = ""
		}
		p.BodySHA256, p.Decision = f.named(p.BodySHA256), f.cut(p.Decision)
		p.Warnings = slices.Clone(p.Warnings[:min(len(p.Warnings), f.list)])
		for i := range p.Warnings {
			p.Warnings[i] = f.cut(p.Warnings[i])
		}
		r.Plan = &p
	}
	r.Error = f.error(r.Error)
	return &r
}

func (f fit) error(e *Error) *Error {
	if e == nil {
		return nil
	}
	c := *e
	c.Message, c.Assistance = f.cut(c.Message), f.cut(c.Assistance)
	c.Violations = slices.Clone(e.Violations[:min(len(e.Violations), f.list)])
	for i := range c.Violations {
		v := &c.Violations[i]
		v.Pointer, v.Message = f.cut(v.Pointer), f.cut(v.Message)
	}
	c.Candidates = nil
	for _, h := range e.Candidates {
		if len(c.Candidates) < f.list && len(h.ID) <= f.name {
			c.Candidates = append(c.Candidates, Candidate{h.ID, f.cut(h.Name), f.cut(h.FQDN), f.named(h.IPv4)})
		}
	}
	c.Omitted += len(e.Violations) - len(c.Violations) + len(e.Candidates) - len(c.Candidates)
	if e.Upstream != nil {
		c.Upstream = &Upstream{Module: f.cut(e.Upstream.Module), Code: e.Upstream.Code, Message: f.cut(e.Upstream.Message)}
	}
	return &c
}

func (f fit) checked(c Checked) *Checked {
	c.Server, c.KSCVersion = f.named(c.Server), f.cut(c.KSCVersion)
	c.Steps = slices.Clone(c.Steps[:min(len(c.Steps), f.list)])
	for i := range c.Steps {
		s := &c.Steps[i]
		s.Name, s.State, s.Message = f.cut(s.Name), f.cut(s.State), f.cut(s.Message)
	}
	if c.Certificate != nil {
		shown := *c.Certificate
		shown.Subject, shown.Issuer, shown.SHA256 = f.cut(shown.Subject), f.cut(shown.Issuer), f.named(shown.SHA256)
		c.Certificate = &shown
	}
	c.Error = f.error(c.Error)
	return &c
}

func (f fit) description(d Description) *Description {
	d.Name, d.Version = f.cut(d.Name), f.cut(d.Version)
	d.Tasks = slices.Clone(d.Tasks[:min(len(d.Tasks), f.list)])
	for i := range d.Tasks {
		t := &d.Tasks[i]
		t.Name, t.Digest, t.Summary = f.named(t.Name), f.named(t.Digest), f.cut(t.Summary)
		t.Effects = t.Effects[:min(len(t.Effects), f.list)]
		if len(t.Schema)+len(t.Sample)+len(t.Hints) > f.raw {
			t.Schema, t.Sample, t.Hints = nil, nil, nil
		}
	}
	return &d
}
