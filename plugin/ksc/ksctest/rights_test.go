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
