package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed" // the page and its style
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"time"

	"github.com/kes-respond/kes-respond/plugin/journal/report"
	"github.com/kes-respond/kes-respond/shared"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// page is what the template shows.
type page struct {
	report.Report
	Style     template.CSS
	Policy    string // what the page may load: nothing but its own style and images
	Columns   []string
	Figures   []figure
	Tables    []groupTable
	StepName  string
	Listed    int
	Attention int // requests of the period that ended badly, or whose end nobody knows
}

// groupTable is a table of groups by how they stand.
type groupTable struct {
	Title, Of, Note string
	Groups          []report.Group
	More            int
	Folded          bool
}

// The charts' sizes in pixels of CSS.
const (
	wide, half, narrow = 940, 460, 380
	timeHeight         = 240
	barHeight          = 30
	aroundTheBars      = 60
	mostBars           = 10
)

// write writes the page, whole or not at all.
func write(out io.Writer, r report.Report) error {
	style := pageCSS + swatches()
	p := page{Report: r, Style: template.CSS(style), StepName: stepName(r.Over.Hours), Listed: len(r.List)}
	sum := sha256.Sum256([]byte(style))
	p.Policy = "default-src 'none'; img-src data:; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	for _, s := range r.Outcomes {
		p.Columns = append(p.Columns, s.Name)
		switch s.Name {
		case string(shared.Failed), string(shared.Unknown), string(shared.Partial), string(shared.Pending), report.InDoubt, report.NotEnded:
			p.Attention += s.Count
		}
	}
	p.Tables = []groupTable{
		{Title: "By effect", Of: "Effect", Groups: r.Effects, Note: "A request may have several effects, or none, so these do not add up to the number of requests."},
		{Title: "By task", Of: "Task", Groups: r.Tasks},
		{Title: "By host", Of: "Host", Groups: r.Hosts.Top, More: r.Hosts.More},
		{Title: "By time", Of: "From (UTC), for " + p.StepName, Groups: steps(r.Over), Folded: true, Note: "Times without a request are left out."},
		{Title: "By whom", Of: "Actor as claimed (user of the operating system)", Groups: r.People.Top, More: r.People.More},
	}
	if err := p.draw(); err != nil {
		return err
	}
	t, err := template.New("page").Funcs(template.FuncMap{
		"time":  clock,
		"exact": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"span":  span,
		"class": class,
		"dash":  func(s string) string { return cmp.Or(s, "-") },
	}).Parse(pageHTML)
	if err != nil {
		return fmt.Errorf("the page: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return fmt.Errorf("the page: %w", err)
	}
	if _, err := out.Write(b.Bytes()); err != nil {
		return fmt.Errorf("the page could not be written: %w", err)
	}
	return nil
}

// steps are those of the timeline in which there was something.
func steps(t report.Timeline) (all []report.Group) {
	for _, s := range t.Steps {
		g := report.Group{Name: clock(s.At), By: s.By}
		for _, n := range s.By {
			g.Count += n
		}
		if g.Count > 0 {
			all = append(all, g)
		}
	}
	return all
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// draw makes the charts, where there is something to show.
func (p *page) draw() error {
	if p.Requests == 0 {
		return nil
	}
	tasks, hosts := groupBars(p.Report.Tasks, mostBars), groupBars(p.Report.Hosts.Top, mostBars)
	for _, c := range []struct {
		title, alt   string
		b            bars
		height       int
		wide, narrow int
	}{
		{"Requests over time, by outcome; a bar is " + p.StepName, "Bars: how many requests came when, by outcome; a bar is " + p.StepName + "; the table \"By time\" has the numbers", timeBars(p.Over), timeHeight, wide, narrow},
		{"Tasks", "Bars: how many requests of each task, by outcome; the table \"By task\" has the numbers", tasks, aroundTheBars + barHeight*len(tasks.labels), half, narrow},
		{"Hosts with most requests", "Bars: the hosts with most requests, by outcome; the table \"By host\" has the numbers", hosts, aroundTheBars + barHeight*len(hosts.labels), half, narrow},
	} {
		f, err := figureOf(c.title, c.alt, c.b, c.height, c.wide, c.narrow)
		if err != nil {
			return err
		}
		p.Figures = append(p.Figures, f)
	}
	return nil
}
