package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/journal/report"
	"github.com/kes-respond/kes-respond/shared"
)

// hostile is what an attacker would put into names and messages; each %s gets
// the address of something that would be loaded.
const hostile = `</title></style><script>document.title="owned";fetch("%[1]s")</script><img src=%[1]s onerror=alert(1)>"'` + "`{{.}}\u202e\x1b[2J\uffff"

// week is a report of a week with n requests that look like those of a site, and
// one that does not, which would load address.
func week(n int, address string) report.Report {
	until := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	from := until.Add(-7 * 24 * time.Hour)
	random := rand.New(rand.NewPCG(8, 8))
	c := report.New(from, until)
	bad := fmt.Sprintf(hostile, address)
	evil := journal.Record{
		Seq: uint64(n) + 1, At: until.Add(-time.Minute), User: bad, Outcome: shared.Refused, Code: shared.Policy, Message: bad,
		Entry: journal.Entry{ID: shared.ID(`"` + "evil" + `"`), Task: bad, HostName: bad, Actor: bad, Reason: bad, CaseID: bad, Rule: bad, Effects: []shared.Effect{shared.Effect(bad)}},
	}
	doubt := evil
	doubt.Seq, doubt.Outcome, doubt.Stage, doubt.Allowed = 1<<40, "", journal.Sending, true
	c.Unsettled([]journal.Record{doubt})
	c.Add(evil)
	tasks := []struct {
		name   string
		effect shared.Effect
	}{
		{"isolateHost", "isolates"},
		{"isolateHost", "isolates"},
		{"isolateHost", "releases"},
		{"getFile", "reads"},
		{"iocScan", "scans"},
		{"terminateProcess", "terminates"},
		{"quarantineFile", "quarantines"},
		{"deleteFile", "deletes"},
		{"onDemandScan", "scans"},
		{"startProcess", "executes"},
		{"preventExecution", "blocks"},
	}
	outcomes := []shared.Outcome{
		shared.Succeeded, shared.Succeeded, shared.Succeeded, shared.Succeeded, shared.Submitted, shared.Submitted, shared.Partial, shared.Pending, shared.Failed, shared.Refused, shared.Unknown, shared.Cancelled,
	}
	for i := range n {
		t := tasks[random.IntN(len(tasks))]
		at := until.Add(-time.Duration(float64(i) / float64(n) * float64(until.Sub(from)))).Add(-2 * time.Minute)
		r := journal.Record{
			Seq: uint64(n - i), At: at, User: "edr", Outcome: outcomes[random.IntN(len(outcomes))], Incident: int64(9000 - i),
			Entry: journal.Entry{
				ID: shared.ID(fmt.Sprintf(`"alert-%d"`, 7000-i)), Allowed: true, Task: t.name, Effects: []shared.Effect{t.effect},
				HostName: fmt.Sprintf("PC-%d", 10+int(random.ExpFloat64()*8)), Actor: []string{"soc.lead", "kuma", "", "playbook 17"}[random.IntN(4)],
			},
		}
		if i%97 == 0 {
			r.HostName = "Бухгалтерия-сервер-1C.corp.example"
		}
		switch r.Outcome {
		case shared.Refused:
			r.Code, r.Rule, r.Message, r.Incident = shared.Policy, "domain controllers", "the rule forbids what isolates them", 0
			if i%3 == 0 {
				r.Code, r.Rule, r.Message = shared.Cap, "isolations per hour", "10 of 10 were used in the last hour"
			}
		case shared.Failed:
			r.Code, r.Message = shared.TaskFailed, "the file is in use by another process"
		case shared.Succeeded:
			done := at.Add(time.Duration(20+random.ExpFloat64()*240) * time.Second)
			r.AddedAt, r.ConsoleTask = &at, &shared.ConsoleTask{ID: "1", FinishedAt: &done}
		}
		if i%41 == 0 {
			r.DuplicateOf = 3
		}
		c.Add(r)
	}
	made := c.Report()
	made.Machine, made.Ledger, made.Program = "soc-1", "/var/lib/kes-respond/ledger", "kes-respond v1.0.0"
	made.Proof = report.Proof{Sound: true, Lines: 6 * n}
	return made
}
