package sharedtest

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// tellLarge: a plan with a body of 60 KiB arrives whole. What no event can
// hold is shortened, and the outcome, the codes and the numbers stay.
func tellLarge(t *testing.T, open Open) {
	answers := map[string]shared.Result{}
	far, _ := open(t, &Fake{OnRespond: func(_ context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
		return answers[r.ID.Text()]
	}})
	plan := func(bytes int) shared.Result {
		return shared.Result{Outcome: shared.Planned, Plan: &shared.Plan{
			BodySHA256: strings.Repeat("a", 64), BodyBytes: bytes, Body: strings.Repeat("b", bytes), Decision: "allowed", Warnings: []string{"w"},
		}}
	}
	answers["fits"] = plan(60 << 10)
	_, result := Ask(t.Context(), t, far, request("fits"), nil)
	assert.Equal(t, answers["fits"], result)

	answers["large"] = plan(200 << 10)
	_, result = Ask(t.Context(), t, far, request("large"), nil)
	require.NotNil(t, result.Plan)
	if result.Plan.Body == "" {
		result.Plan.Body = answers["large"].Plan.Body
	}
	assert.Equal(t, answers["large"], result, "all but the body, or the body whole")

	long := strings.Repeat("ж", 100<<10)
	answers["long"] = shared.Result{
		Outcome: shared.Refused, Message: long,
		Incident: &shared.Incident{Server: "main", ID: "9223372036854775807"},
		Error:    &shared.Error{Code: shared.HostAmbiguous, Message: long, Retryable: true, Omitted: 3},
	}
	for range shared.MaxListed {
		e := answers["long"].Error
		e.Candidates = append(e.Candidates, shared.Candidate{ID: "id", Name: long})
		e.Violations = append(e.Violations, shared.Violation{Pointer: "/targetHost", Message: long})
	}
	_, result = Ask(t.Context(), t, far, request("long"), nil)
	want := answers["long"]
	assert.Equal(t, want.Outcome, result.Outcome)
	assert.Equal(t, want.Incident, result.Incident)
	require.NotNil(t, result.Error)
	assert.Equal(t, want.Error.Code, result.Error.Code)
	for _, text := range []string{result.Message, result.Error.Message} {
		cut := strings.TrimSuffix(text, "…")
		assert.NotEmpty(t, cut)
		assert.True(t, strings.HasPrefix(long, cut), "what is left is the beginning")
	}
}
