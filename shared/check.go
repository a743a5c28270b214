package shared

import "time"

// Checked is the answer to check: how far a request to this server would get.
// Nothing was sent to a host.
type Checked struct {
	Server      string       `json:"server"`                // the configured name
	Passed      bool         `json:"passed"`                // no step failed; warnings may remain
	Steps       []CheckStep  `json:"steps"`                 // in the order in which a request takes them
	Certificate *Certificate `json:"certificate,omitempty"` // where the server showed one
	KSCVersion  string       `json:"kscVersion,omitempty"`  // as the server writes it
	Error       *Error       `json:"error,omitempty"`       // of the step that failed
}

// The states of a step.
const (
	StepPassed  = "passed"
	StepWarning = "warning" // works, and a person should know something
	StepFailed  = "failed"  // requests would end here
	StepSkipped = "skipped" // an earlier step failed
)

// CheckStep is one thing that has to hold. Callers show a name that they do
// not know.
type CheckStep struct {
	Name    string `json:"name"`
	State   string `json:"state"` // passed, warning, failed or skipped
	Message string `json:"message,omitempty"`
}

// Certificate is what a server shows before anything is said to it.
type Certificate struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	SHA256    string    `json:"sha256"` // of its DER, in hex: what kscCert takes as a pin
}

// Exit is the exit code of the one-shot form for this answer.
func (c Checked) Exit() int {
	if c.Error == nil {
		return ExitOK
	}
	return Exit(Failed, c.Error.Code)
}
