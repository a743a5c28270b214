package shared_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/kes-respond/kes-respond/shared"
)

// The exit codes, written out by hand so that a slip in the code cannot agree
// with itself: what a refused or failed result of each code ends with.
var exitOfCode = map[shared.Code]int{
	"bad_request":       65,
	"duplicate_id":      65,
	"busy":              75,
	"host_not_found":    65,
	"host_ambiguous":    65,
	"policy":            3,
	"approval_required": 3,
	"cap":               75,
	"quota":             75,
	"suspended":         3,
	"journal":           75,
	"unreachable":       69,
	"tls":               69,
	"login":             77,
	"locked":            77,
	"second_factor":     77,
	"denied":            77,
	"ksc_unavailable":   69,
	"ksc_limit":         1,
	"ksc_error":         1,
	"bad_answer":        1,
	"timeout":           75,
	"cancelled":         1,
	"task_failed":       1,
	"task_lost":         1,
	"task_ambiguous":    1,
	"carrier_lost":      1,
	"internal":          1,
}

// What a result of each outcome ends with; -1 where the code decides.
var exitOfOutcome = map[shared.Outcome]int{
	"succeeded": 0,
	"submitted": 0,
	"planned":   0,
	"partial":   7,
	"pending":   4,
	"failed":    -1,
	"refused":   -1,
	"cancelled": 6,
	"unknown":   5,
}

func TestExitOfEveryOutcomeWithEveryCode(t *testing.T) {
	codes := valuesOf(t, "Code", "")
	outcomes := valuesOf(t, "Outcome", "")
	assert.Len(t, codes, len(exitOfCode))
	assert.Len(t, outcomes, len(exitOfOutcome))
	for _, o := range outcomes {
		outcome := shared.Outcome(o)
		byOutcome, known := exitOfOutcome[outcome]
		assert.True(t, known, "outcome %q is in no row", outcome)
		for _, c := range append(codes, "", "from_the_future") {
			code := shared.Code(c)
			want := byOutcome
			if want < 0 {
				var known bool
				if want, known = exitOfCode[code]; !known {
					assert.NotContains(t, codes, c, "code %q is in no row", c)
					want = 1
				}
			}
			assert.Equal(t, want, shared.Exit(outcome, code), "%s %s", outcome, code)
			assert.Equal(t, want, shared.Result{Outcome: outcome, Error: &shared.Error{Code: code}}.Exit())
		}
		if byOutcome >= 0 {
			assert.Equal(t, byOutcome, shared.Result{Outcome: outcome}.Exit(), "%s without an error", outcome)
		} else {
			assert.Equal(t, 1, shared.Result{Outcome: outcome}.Exit(), "%s without a reason is a failure", outcome)
		}
	}
	assert.Equal(t, 1, shared.Exit("from the future", ""))
	assert.Equal(t, 1, shared.Exit("", ""))
}

// TestExitOfSeveralResults compares with the order of the specification, for
// any mixture in any order.
func TestExitOfSeveralResults(t *testing.T) {
	order := []int{5, 1, 69, 77, 3, 65, 75, 7, 6, 4, 0}
	for _, v := range constantsOf(t)[""] {
		if n, err := strconv.Atoi(v); err == nil && n < 100 && n != shared.ExitUsage && n != shared.MaxDepth && n != shared.MaxListed {
			assert.Contains(t, order, n, "an exit code without a place in the order")
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		codes := rapid.SliceOf(rapid.OneOf(rapid.SampledFrom(order), rapid.IntRange(-1, 130))).Draw(t, "codes")
		want := 0
		for _, o := range order {
			present := slices.Contains(codes, o) || o == 1 && slices.ContainsFunc(codes, func(c int) bool { return !slices.Contains(order, c) })
			if present {
				want = o
				break
			}
		}
		assert.Equal(t, want, shared.ExitAll(codes...))
	})
	assert.Equal(t, 0, shared.ExitAll())
	assert.Equal(t, 1, shared.ExitAll(99, 4), "a code nobody knows is a failure")
}
