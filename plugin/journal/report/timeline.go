package report

import "time"

// maxSteps is how many bars can be told apart.
const maxSteps = 62

// stepHours are the steps that people count in: an hour, a quarter of a day, a
// day, a week, four weeks.
var stepHours = [...]int64{1, 6, 24, 7 * 24, 28 * 24}

// timeline puts counts by the hour into steps of the least length by which the
// period has at most maxSteps. A period that began long before the first
// request is shown from that request on.
func timeline(hours map[int64]map[string]int, since, until time.Time) Timeline {
	first, last := since.Unix()/3600, until.Unix()/3600
	earliest := last
	for h := range hours {
		earliest, last = min(earliest, h), max(last, h)
	}
	step := stepFor(last - first)
	if step > 24 {
		first = max(first, earliest)
		step = stepFor(last - first)
	}
	first -= first % min(step, 24) // of a day, UTC, at the most
	t := Timeline{Hours: int(step)}
	for h := first; h <= last; h += step {
		t.Steps = append(t.Steps, Step{At: time.Unix(h*3600, 0).UTC(), By: map[string]int{}})
	}
	for h, by := range hours {
		if h < first {
			continue
		}
		for standing, n := range by {
			t.Steps[(h-first)/step].By[standing] += n
		}
	}
	return t
}

func stepFor(hours int64) int64 {
	for _, step := range stepHours {
		if hours/step < maxSteps-1 {
			return step
		}
	}
	step := stepHours[len(stepHours)-1]
	for hours/step >= maxSteps-1 {
		step *= 2
	}
	return step
}
