package main

import "github.com/kes-respond/kes-respond/shared"

// The closed sets of the protocol. A test compares them with the constants in
// shared's source.

func outcomes() []shared.Outcome {
	return []shared.Outcome{
		shared.Succeeded, shared.Submitted, shared.Planned, shared.Partial, shared.Pending, shared.Failed,
		shared.Refused, shared.Cancelled, shared.Unknown,
	}
}

func codes() []shared.Code {
	return []shared.Code{
		shared.BadRequest, shared.DuplicateID, shared.Busy, shared.HostNotFound, shared.HostAmbiguous, shared.Policy,
		shared.ApprovalRequired, shared.Cap, shared.Quota, shared.Suspended, shared.Journal, shared.Unreachable,
		shared.TLS, shared.Login, shared.Locked, shared.SecondFactor, shared.Denied, shared.KSCUnavailable,
		shared.KSCLimit, shared.KSCError, shared.BadAnswer, shared.Timeout, shared.CancelledCode, shared.TaskFailed,
		shared.TaskLost, shared.TaskAmbiguous, shared.CarrierLost, shared.Internal,
	}
}

func effects() []shared.Effect {
	return []shared.Effect{
		shared.Isolates, shared.Releases, shared.Deletes, shared.Quarantines, shared.Executes, shared.Terminates,
		shared.Blocks, shared.Scans, shared.Reads,
	}
}
