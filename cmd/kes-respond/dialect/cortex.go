package dialect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/params"
	"github.com/kes-respond/kes-respond/shared"
)

var _ = register(Dialect{
	Platform: "cortex", Names: []string{"kes-respond-cortex"}, Takes: "JOB-DIR", answer: asCortex,
})

// cortexJob is input/input.json of a responder's job, as Cortex writes it
// (TheHive-Project/Cortex, JobRunnerSrv.scala), save what nobody here needs.
type cortexJob struct {
	Data     cortexData                 `json:"data"`
	DataType string                     `json:"dataType"`
	TLP      *int                       `json:"tlp"`
	PAP      *int                       `json:"pap"`
	Message  string                     `json:"message"`
	Config   map[string]json.RawMessage `json:"config"`
}

// cortexData is the observable, case or alert on which a person started the
// responder.
type cortexData struct {
	Data     string   `json:"data"`
	DataType string   `json:"dataType"` // of an observable: hostname, ip, filename, hash ...
	Tags     []string `json:"tags"`
	Title    string   `json:"title"`
	CaseID   any      `json:"caseId"`
	Case     *struct {
		CaseID any      `json:"caseId"`
		Title  string   `json:"title"`
		Tags   []string `json:"tags"`
	} `json:"case"`
}

// cortexReport is output/output.json. Without that file Cortex would show
// standard output as an error, so it is written whatever happens.
type cortexReport struct {
	Success      bool              `json:"success"`
	Full         *cortexFull       `json:"full,omitempty"`
	Operations   []cortexOperation `json:"operations,omitempty"`
	ErrorMessage string            `json:"errorMessage,omitempty"`
	Input        map[string]any    `json:"input,omitempty"`
}

type cortexFull struct {
	Message string          `json:"message"`
	Outcome shared.Outcome  `json:"outcome,omitempty"`
	Result  *shared.Result  `json:"result,omitempty"`
	Checked *shared.Checked `json:"checked,omitempty"`
}

type cortexOperation struct {
	Type        string `json:"type"`
	Tag         string `json:"tag,omitempty"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
}

// asCortex carries out one job of a responder: Cortex starts it with the path of
// the job's directory.
func asCortex(ctx context.Context, s Surroundings, args []string) error {
	if len(args) != 1 {
		return exit.Usage("as cortex takes the path of the job's directory, as Cortex names it")
	}
	report, result := cortexRun(ctx, s, args[0])
	data, err := json.Marshal(report)
	out := filepath.Join(args[0], "output")
	err = errors.Join(err, os.MkdirAll(out, 0o700), os.WriteFile(filepath.Join(out, "output.json"), data, 0o600))
	if err != nil {
		return unheard(result, err)
	}
	if !report.Success {
		return exit.With(shared.ExitFailed, nil)
	}
	return nil
}

// cortexRun gives the report, and the result where there is one.
func cortexRun(ctx context.Context, s Surroundings, dir string) (cortexReport, *shared.Result) {
	var job cortexJob
	data, err := s.ReadFile(filepath.Join(dir, "input", "input.json"), shared.MaxRequestBytes)
	if err == nil && json.Unmarshal(data, &job) != nil {
		err = errors.New("input.json is not one that Cortex writes; nothing was sent")
	}
	if err != nil {
		return cortexReport{ErrorMessage: err.Error()}, nil
	}
	report := cortexReport{Input: map[string]any{"dataType": job.DataType, "service": job.text("service")}} // nothing secret is in these
	if err := job.allowed(); err != nil {
		report.ErrorMessage = err.Error()
		return report, nil
	}
	f, err := job.form(filepath.Join(dir, "input", "cacerts"))
	if err != nil {
		report.ErrorMessage = err.Error()
		return report, nil
	}
	f.config, f.getenv = job.text("config"), job.environment(s.Getenv)
	a := carryOut(ctx, s, f)
	pending := a.checked == nil && a.result.Outcome == shared.Pending
	if a.exit() != shared.ExitOK && !pending {
		report.ErrorMessage = a.said()
		return report, &a.result
	}
	report = cortexReport{Success: true, Full: &cortexFull{Message: a.said(), Checked: a.checked}}
	if a.checked != nil {
		return report, nil
	}
	report.Full.Outcome, report.Full.Result = a.result.Outcome, &a.result
	report.Operations = job.operations(a.result)
	return report, &a.result
}

// text is an item of the configuration that is text or a number.
func (j cortexJob) text(name string) string {
	var text string
	if raw := j.Config[name]; json.Unmarshal(raw, &text) != nil && wholeNumber().Match(raw) {
		text = string(raw)
	}
	return text
}

// allowed checks TLP and PAP, which Cortex leaves to the responder. Where the
// administrator has set nothing the check is on and the bound is 2 (amber): what
// is more confidential stays here, for the host's name and more goes to KSC.
func (j cortexJob) allowed() error {
	for _, mark := range []struct {
		name, check, most string
		value             *int
	}{{"TLP", "check_tlp", "max_tlp", j.TLP}, {"PAP", "check_pap", "max_pap", j.PAP}} {
		on, most := true, 2
		if raw := j.Config[mark.check]; !empty(raw) && json.Unmarshal(formValue(params.Schema{Type: "boolean"}, raw), &on) != nil {
			return fmt.Errorf("%s must be true or false", mark.check)
		}
		if raw := j.Config[mark.most]; !empty(raw) && json.Unmarshal(formValue(params.Schema{Type: "integer"}, raw), &most) != nil {
			return fmt.Errorf("%s must be a number", mark.most)
		}
		if on && mark.value != nil && *mark.value > most {
			return fmt.Errorf("%s is %d, and this responder may be used up to %d; nothing was sent", mark.name, *mark.value, most)
		}
	}
	return nil
}

// environment adds the proxy that an administrator has set in Cortex.
func (j cortexJob) environment(getenv func(string) string) func(string) string {
	var proxy struct{ HTTPS string }
	json.Unmarshal(j.Config["proxy"], &proxy) // absent: none
	if proxy.HTTPS == "" {
		return getenv
	}
	return besides(getenv, "HTTPS_PROXY", proxy.HTTPS)
}

// operations are what TheHive is to do: the incident as a tag, by which the
// status responder finds it, and a task for whoever has to look again.
func (j cortexJob) operations(r shared.Result) []cortexOperation {
	if r.Incident == nil {
		return nil
	}
	kinds := map[string]string{"thehive:case_artifact": "AddTagToArtifact", "thehive:case": "AddTagToCase", "thehive:alert": "AddTagToAlert"}
	tag, known := kinds[j.DataType]
	if !known {
		return nil // what TheHive cannot put a tag on
	}
	ops := []cortexOperation{{Type: tag, Tag: fmt.Sprintf(`%sincident="%s"`, cortexTag, r.Incident.ID)}}
	if r.Task != "" {
		ops = append(ops, cortexOperation{Type: tag, Tag: fmt.Sprintf(`kes-result:%s="%s"`, r.Task, r.Outcome)})
	}
	if r.Outcome == shared.Pending && j.DataType != "thehive:alert" {
		ops = append(ops, cortexOperation{
			Type: "CreateTask", Title: "See what became of " + r.Task + " on " + r.TargetHost,
			Description: "KSC holds incident " + r.Incident.ID + ", and its end is not known: run the responder KES_status, or look in the KSC console.",
		})
	}
	return ops
}
