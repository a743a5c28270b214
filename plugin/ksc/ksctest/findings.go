package ksctest

import "fmt"

// The events of a scan that found something. Which types KES raises in a response's console task, under which names, and
// what their parameters hold is judgement, not confirmed against a live KSC. That they are of severity 3, begin with the
// console task's name like its other events, and carry no task_new_state, is judgement as well.
const (
	eventVirus = "GNRL_EV_VIRUS_FOUND"
	eventIOC   = "KLEVP_IOC_FOUND"

	typeScan = "onDemandScan"
	typeIOC  = "iocScan"

	longestEventParam = 512 // of each GNRL_EA_PARAM, in characters (KSCAPI a00140)
	severityError     = 3
)

// finds says whether a response of this task's name looks for something.
func finds(task string) bool { return task == typeScan || task == typeIOC }

// found fills in the n-th finding of a scan.
func found(r row, t *consoleTask, n int) {
	kind, shown, what := eventVirus, "Malicious object detected", "EICAR-Test-File"
	if t.Type == typeIOC {
		kind, shown, what = eventIOC, "Indicator of compromise found", fmt.Sprintf("IOC-%d", n)
	}
	path := fmt.Sprintf(`C:\Windows\Temp\object-%d.exe`, n)
	r["event_type"], r["event_type_display_name"] = kind, shown
	r["GNRL_EA_SEVERITY"] = severityError
	r["GNRL_EA_DESCRIPTION"] = firstRunes(fmt.Sprintf("%s: %s: %s in %s", t.Name, shown, what, path), longestEventText)
	r["GNRL_EA_PARAM_1"] = firstRunes(what, longestEventParam)
	r["GNRL_EA_PARAM_2"] = firstRunes(path, longestEventParam)
}
