package ksctest

import (
	"fmt"
	"strings"
	"time"
)

// truncatedAt is where the oddity cuts names, in characters.
const truncatedAt = 40

// name gives "[Response][<area>] <task> - <date> <time> - <id>" (help page). The forms of date and time, that they are UTC,
// and what the id is are not confirmed.
func (o *TaskOptions) name(r response, t ConsoleTask, at time.Time) string {
	form := "2006-01-02 15:04:05"
	if o.odd(oddMinute) {
		form = "2006-01-02 15:04"
	}
	if o.odd(oddLocalTime) {
		at = at.In(time.FixedZone("", 3*60*60))
	}
	name := fmt.Sprintf("[Response][%s] %s - %s", r.Area, r.Task, at.Format(form))
	switch {
	case o.odd(oddNoID):
	case o.odd(oddIncidentID):
		name += fmt.Sprintf(" - %d", t.Incident)
	default:
		name += " - " + t.ID
	}
	switch {
	case o.odd(oddUpper):
		name = strings.ToUpper(name)
	case o.odd(oddLower):
		name = strings.ToLower(name)
	}
	if o.odd(oddTruncated) {
		name = firstRunes(name, truncatedAt)
	}
	return name
}

func firstRunes(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n])
	}
	return text
}
