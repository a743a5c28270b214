package display

import (
	"fmt"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/shared"
)

// Checked is the answer to a check for people: a line for each step, then what to
// do.
func Checked(c shared.Checked) string {
	var b strings.Builder
	warnings := 0
	for _, s := range c.Steps {
		if s.State == shared.StepWarning {
			warnings++
		}
		fmt.Fprintf(&b, "%-8s %-12s %s\n", printable.Text(s.State), printable.Text(s.Name), printable.Text(s.Message))
		if shown := c.Certificate; s.Name == "certificate" && shown != nil {
			Line(&b, "         subject", shown.Subject+", issued by "+shown.Issuer+", valid until "+shown.NotAfter.Format(time.DateOnly))
			Line(&b, "         SHA-256", shown.SHA256)
		}
	}
	switch {
	case c.Error != nil:
		Line(&b, "failed", string(c.Error.Code))
		Line(&b, "  what to do", c.Error.Assistance)
	case warnings > 0:
		Line(&b, "passed", fmt.Sprintf("nothing is in the way of requests to server %s; read the warnings, %d of them", c.Server, warnings))
	case c.Passed:
		Line(&b, "passed", "nothing is in the way of requests to server "+c.Server)
	}
	return b.String()
}
