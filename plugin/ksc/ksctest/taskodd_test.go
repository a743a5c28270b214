package ksctest

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryOddityHasASinAndATest reads the tests' own source, as that of the knobs does.
func TestEveryOddityHasASinAndATest(t *testing.T) {
	source, err := os.ReadFile("consoletask_test.go")
	require.NoError(t, err)
	known := map[string]bool{}
	for _, k := range TaskOddities() {
		assert.NotEmpty(t, k.Sin, k.Name)
		assert.False(t, known[k.Name], "%s stands twice", k.Name)
		known[k.Name] = true
		assert.Contains(t, string(source), `"`+k.Name+`"`, "%s has no test", k.Name)
	}
}

// TestIncidentsAreHandledOnlyWhenTold: the flag comes with the console task, however that ends.
func TestIncidentsAreHandledOnlyWhenTold(t *testing.T) {
	const find = `{"strFilter":"KLINCDT_IS_HANDLED=1"}`
	for oddity, want := range map[string]int{"no-id": 0, "handled": 1} {
		synctest.Test(t, func(t *testing.T) {
			s := start(t, Options{Tasks: TaskOptions{Oddities: []string{oddity}, Outcome: "fail"}})
			c := newClient(t, s)
			c.respond(t, someHost)
			assert.Empty(t, c.rows(t, "HostGroup.FindIncidents", find))
			time.Sleep(defaultTaskDelay)
			assert.Len(t, c.rows(t, "HostGroup.FindIncidents", find), want)
			assert.Equal(t, want == 1, s.Incidents()[0].Handled)
		})
	}
}

// TestADueConsoleTaskIsMade of what the incident was then, though nobody looked until it had changed or gone.
func TestADueConsoleTaskIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{})
		c := newClient(t, s)
		c.respond(t, someHost)
		c.respond(t, someHost)
		time.Sleep(defaultTaskDelay)
		c.post("HostGroup.DeleteIncident", `{"nId":1}`).ok(t)
		c.post("HostGroup.UpdateIncident", `{"nId":2,"pData":{"KLINCDT_BODY":"x","KLHST_WKS_HOSTNAME":"`+someHost+`"}}`).ok(t)
		assert.Len(t, s.State().ConsoleTasks, 2)
	})
}

// TestTheVersionOfKESComesFromTheInventory, the last one of several.
func TestTheVersionOfKESComesFromTheInventory(t *testing.T) {
	s := start(t, Options{
		Inventory: []Host{{ID: "a", Products: map[string]map[string]any{"KES": {"12.10.0.0": map[string]any{}, "12.11.0.0": map[string]any{}}}}},
		State:     &State{ConsoleTasks: []ConsoleTask{{ID: "1", Name: "x", Host: "a"}}},
	})
	assert.Contains(t, newClient(t, s).post("Tasks.GetTask", oneTask).text, `"TASKID_VERSION":"12.11.0.0"`)
}
