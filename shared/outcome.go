package shared

import "slices"

// Outcome says how a request ended. The set is closed within a protocol
// version, and every request that was read gets exactly one.
type Outcome string

// The outcomes of protocol 1.
const (
	Succeeded Outcome = "succeeded" // the matched console task reported completion on the host
	Submitted Outcome = "submitted" // KSC stored the request, and the caller asked not to wait
	Planned   Outcome = "planned"   // dry run: this is what would be done
	Partial   Outcome = "partial"   // the console task completed with a warning
	Pending   Outcome = "pending"   // stored, end not known when the wait ended
	Failed    Outcome = "failed"    // it did not happen, and we know
	Refused   Outcome = "refused"   // we said no; no incident was sent
	Cancelled Outcome = "cancelled" // cancelled before anything was sent
	Unknown   Outcome = "unknown"   // it may have happened
)

// The exit codes of the one-shot form. 2 is left to Go's panics. A code that a
// caller does not know is a failure.
const (
	ExitOK        = 0
	ExitFailed    = 1
	ExitPolicy    = 3
	ExitPending   = 4
	ExitUnknown   = 5
	ExitCancelled = 6
	ExitPartial   = 7
	ExitUsage     = 64
	ExitRefused   = 65
	ExitReach     = 69
	ExitLater     = 75
	ExitLogin     = 77
)

// Exit is the one table from outcome and code to exit code. An outcome that
// it does not know is ExitFailed.
func Exit(o Outcome, c Code) int {
	switch o {
	case Succeeded, Submitted, Planned:
		return ExitOK
	case Partial:
		return ExitPartial
	case Pending:
		return ExitPending
	case Cancelled:
		return ExitCancelled
	case Unknown:
		return ExitUnknown
	case Refused, Failed:
		return exitOfCode(c)
	}
	return ExitFailed
}

func exitOfCode(c Code) int {
	switch c {
	case BadRequest, DuplicateID, HostNotFound, HostAmbiguous:
		return ExitRefused
	case Policy, Suspended, ApprovalRequired:
		return ExitPolicy
	case Busy, Cap, Quota, Journal, Timeout:
		return ExitLater
	case Unreachable, TLS, KSCUnavailable:
		return ExitReach
	case Login, Locked, SecondFactor, Denied:
		return ExitLogin
	}
	return ExitFailed
}

// ExitAll is the exit code of several results: ExitUnknown if any is unknown,
// else the first present of 1, 69, 77, 3, 65, 75, 7, 6, 4, else 0. A code that
// no result has counts as 1.
func ExitAll(codes ...int) int {
	order := []int{ExitUnknown, ExitFailed, ExitReach, ExitLogin, ExitPolicy, ExitRefused, ExitLater, ExitPartial, ExitCancelled, ExitPending, ExitOK}
	worst := len(order) - 1
	for _, c := range codes {
		at := slices.Index(order, c)
		if at < 0 {
			at = slices.Index(order, ExitFailed)
		}
		worst = min(worst, at)
	}
	return order[worst]
}
