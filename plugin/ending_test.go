package plugin

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// TestWhatCannotBeReadComesAfterTheOthers: a console task that has ended comes first,
// and one of which the last look failed has its turn as all others have.
func TestWhatCannotBeReadComesAfterTheOthers(t *testing.T) {
	added := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		seen  sight
		stood bool
		near  bool
	}{
		"not seen":            {seen: sight{}},
		"not looked at":       {seen: sight{task: &shared.ConsoleTask{ID: "1"}}, near: true},
		"it runs":             {seen: sight{task: &shared.ConsoleTask{ID: "1"}, state: ksc.StateRunning}, stood: true},
		"it has ended":        {seen: sight{task: &shared.ConsoleTask{ID: "1"}, state: ksc.StateCompleted}, stood: true, near: true},
		"its look has failed": {seen: sight{task: &shared.ConsoleTask{ID: "1"}, failed: errors.New("no answer")}},
		"its end is not read": {seen: sight{task: &shared.ConsoleTask{ID: "1"}, state: ksc.StateCompleted, failed: errors.New("no answer")}, stood: true},
	} {
		one := &wait{followed: followed{added: added}, seen: c.seen, stood: c.stood}
		h := &hostWatch{waits: []*wait{one}}
		assert.Equal(t, c.near, h.ending().Equal(added), name)
	}
}
