package ksctest

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

const oneTask = `{"strTask":"1"}`

// TestRightsByMethodAndClass: what the account may not do is 1184, what the server does not know 1194, and no more than named.
func TestRightsByMethodAndClass(t *testing.T) {
	for _, e := range []struct {
		o    Options
		want []string // of Tasks.GetTask, Tasks.GetTaskStatistics, HostTasks.GetNextTask
	}{
		{Options{}, []string{"KLSTD 1186 0", "KLSTD 1186 0", "KLSTD 1186 0"}},
		{Options{Denied: []string{"Tasks.*"}}, []string{"KLSTD 1184 0", "KLSTD 1184 0", "KLSTD 1186 0"}},
		{Options{Denied: []string{"Tasks.GetTask"}}, []string{"KLSTD 1184 0", "KLSTD 1186 0", "KLSTD 1186 0"}},
		{Options{Absent: []string{"Tasks.*"}}, []string{"KLCONN 1194 0", "KLCONN 1194 0", "KLSTD 1186 0"}},
		{Options{Absent: []string{"Tasks.GetTaskStatistics"}, Denied: []string{"Tasks.*"}}, []string{"KLSTD 1184 0", "KLCONN 1194 0", "KLSTD 1186 0"}},
	} {
		c := newClient(t, start(t, e.o))
		assert.Equal(t, e.want, []string{
			pxg(t, c.post("Tasks.GetTask", oneTask)), pxg(t, c.post("Tasks.GetTaskStatistics", oneTask)),
			pxg(t, c.post("HostTasks.GetNextTask", `{"strSrvObjId":"x"}`)),
		}, "%+v", e.o)
	}
	present := `{"strInstance":"","strClass":"Tasks","strMethod":"GetTask"}`
	assert.Equal(t, true, newClient(t, start(t, Options{})).post("Limits.IsMethodPresent", present).ok(t))
	assert.Equal(t, false, newClient(t, start(t, Options{Absent: []string{"Tasks.GetTask"}})).post("Limits.IsMethodPresent", present).ok(t))
}

// TestStatisticsComeWithTheVersion: the successor's answer is its predecessor's, from KSC 15 on.
func TestStatisticsComeWithTheVersion(t *testing.T) {
	const present = `{"strInstance":"","strClass":"Tasks","strMethod":"GetTaskStatistics2"}`
	for version, want := range map[string]bool{"": true, "16.1.0.0": true, "15.0.0.0": true, "14.2.0.26967": false, "x": false} {
		c := newClient(t, start(t, Options{ServerVersion: version, State: &State{ConsoleTasks: []ConsoleTask{{ID: "1", Name: "x", Host: "a"}}}}))
		old := c.post("Tasks.GetTaskStatistics", oneTask)
		old.ok(t)
		assert.Equal(t, want, c.post("Limits.IsMethodPresent", present).ok(t), version)
		if g := c.post("Tasks.GetTaskStatistics2", oneTask); want {
			assert.Equal(t, old.text, g.text, version)
		} else {
			assert.Equal(t, "KLCONN 1194 0", pxg(t, g), version)
		}
	}
	start(t, Options{ServerVersion: "14.2", Absent: []string{"Tasks.GetTaskStatistics2"}, Denied: []string{"Tasks.GetTaskStatistics2"}})
}
