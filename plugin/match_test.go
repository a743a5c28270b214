package plugin

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kes-respond/kes-respond/plugin/journal"
)

func TestReadTaskName(t *testing.T) {
	for name, want := range map[string]taskName{
		"[Response][KUMA] isolateHost - 2026-11-28 10:00:00 - 17":       {"kuma", "isolatehost", true},
		"[RESPONSE][KUMA] ISOLATEHOST - 28.11.2026 10:00 - {2F-1}":      {"kuma", "isolatehost", true},
		"[response][my siem-2.0_x] getfile - x":                         {"my siem-2.0_x", "getfile", true},
		"[Response][KUMA]isolateHost - 1":                               {"kuma", "isolatehost", true},
		"[Response][KUMA] isolateHost - 2026-11-2":                      {"kuma", "isolatehost", true}, // cut off
		"[Response][KUMA] isolateHost":                                  {area: "kuma"},
		"[Response][KUMA] isolateHost - ":                               {area: "kuma"},
		"[Response][KUMA] isolateHo":                                    {area: "kuma"},
		"[Response][KUMA] Isolate host - 2026-11-28 10:00:00 - 17":      {area: "kuma"},
		"[Response][KUMA] isolateHost-1 - 2026":                         {area: "kuma"},
		"[Response][KUMA] deleteFile] isolateHost - 2026-11-28 - 1":     {},
		"[Response][KUMA] deleteFile - 2026 - 1] isolateHost - 2026 - ": {},
		"[Response][KUMA": {},
		"[Response][]":    {},
	} {
		got, ok := readTaskName(name)
		assert.True(t, ok, name)
		assert.Equal(t, want, got, name)
	}
	for _, name := range []string{"", "Update", "[Response] isolateHost - 1", " [Response][KUMA] isolateHost - 1", "Response KUMA isolateHost", "X[Response][KUMA] isolateHost - 1 - 2"} {
		_, ok := readTaskName(name)
		assert.False(t, ok, name)
	}
}

// seen is a console task by the parts of its name.
func seen(id, area, name string) sighted {
	n, _ := readTaskName(fmt.Sprintf("[Response][%s] %s - 2026-11-28 10:00:00 - %s", area, name, strings.TrimPrefix(id, localPrefix)))
	return sighted{id: id, local: strings.HasPrefix(id, localPrefix), name: n}
}

func had(ids ...string) *journal.Baseline {
	return &journal.Baseline{Tasks: append([]string{}, ids...), LocalRead: true}
}

func TestVerdictOn(t *testing.T) {
	ours := func(b *journal.Baseline) contender {
		return contender{incident: 10, task: "isolatehost", area: "kuma", baseline: b}
	}
	another := func(n int64, b *journal.Baseline) contender {
		c := ours(b)
		c.incident = n
		return c
	}
	foreign := func(n int64, area, task string) contender {
		return contender{incident: n, task: task, area: area, foreign: true}
	}
	marked := func(n int64, area string) contender {
		return contender{incident: n, task: "isolatehost", area: area, marked: true, baseline: had()}
	}
	const its = "isolateHost"
	unreadable := sighted{id: "9", name: taskName{area: "kuma"}}
	for _, c := range []struct {
		name  string
		all   []contender
		tasks []sighted
		task  string
		doubt string
	}{
		{"nothing there", []contender{ours(had())}, nil, "", ""},
		{"what was there before", []contender{ours(had("1"))}, []sighted{seen("1", "KUMA", its)}, "", ""},
		{"another task, another area", []contender{ours(had())}, []sighted{seen("1", "KUMA", "getFile"), seen("2", "SOAR", its)}, "", ""},
		{"the one", []contender{ours(had("1"))}, []sighted{seen("1", "KUMA", its), seen("2", "kuma", its)}, "2", ""},
		{"a local one", []contender{ours(had())}, []sighted{seen("local:1", "KUMA", its)}, "local:1", ""},
		{"two for one", []contender{ours(had())}, []sighted{seen("1", "KUMA", its), seen("2", "KUMA", its)}, "", "more console tasks"},
		{"nobody noted what was there", []contender{ours(nil)}, []sighted{seen("1", "KUMA", its)}, "", "is not noted"},
		{"local ones were not read", []contender{ours(&journal.Baseline{Tasks: []string{}})}, []sighted{seen("local:1", "KUMA", its)}, "", "is not noted"},
		{"unreadable", []contender{ours(had())}, []sighted{unreadable}, "", "cannot be read"},
		{"another sender", []contender{ours(had()), foreign(11, "KUMA", "isolatehost")}, []sighted{seen("1", "KUMA", its)}, "", "another request"},
		{"another sender of another area", []contender{ours(had()), foreign(11, "SOAR", "isolatehost")}, []sighted{seen("1", "KUMA", its)}, "", "another request"},
		{"another sender of another task", []contender{ours(had()), foreign(11, "KUMA", "getfile")}, []sighted{seen("1", "KUMA", its)}, "1", ""},
		{"an area that may be read as any task", []contender{ours(had()), foreign(11, "kuma] isolatehost - 1", "getfile")}, []sighted{seen("1", "KUMA", its)}, "", "another request"},
		{"others that cannot be seen", []contender{ours(had()), {hidden: true}}, []sighted{seen("1", "KUMA", its)}, "", "another request"},
		{"two of ours at once", []contender{ours(had()), another(11, had())}, []sighted{seen("1", "KUMA", its), seen("2", "KUMA", its)}, "", "another request"},
		{"one of ours at once, one task yet", []contender{ours(had()), another(11, had())}, []sighted{seen("1", "KUMA", its)}, "", "another request"},
		{"the later one saw the first one's", []contender{ours(had()), another(11, had("1"))}, []sighted{seen("1", "KUMA", its)}, "1", ""},
		{"the later one saw the first one's, whose it is", []contender{another(11, had("1")), ours(had())}, []sighted{seen("1", "KUMA", its), seen("2", "KUMA", its)}, "2", ""},
		{"three in a row", []contender{another(11, had("1")), ours(had()), another(12, had("1", "2"))}, []sighted{seen("1", "KUMA", its), seen("2", "KUMA", its), seen("3", "KUMA", its)}, "2", ""},
		{"marked", []contender{marked(10, "kuma-1"), marked(11, "kuma-2"), another(12, had()), foreign(13, "KUMA", "getfile")}, []sighted{seen("1", "KUMA-2", its), seen("2", "KUMA-1", its), seen("3", "KUMA", its)}, "2", ""},
		{"marked twice", []contender{marked(10, "kuma-1")}, []sighted{seen("1", "KUMA-1", its), seen("2", "KUMA-1", its)}, "", "more console tasks"},
		{"marked, and the mark is not carried", []contender{marked(10, "kuma-1")}, []sighted{seen("1", "KUMA", its)}, "", ""},
		{"an unreadable one of another", []contender{ours(had()), foreign(11, "KUMA", "something")}, []sighted{seen("1", "KUMA", its), unreadable}, "1", ""},
		{"an unreadable one too many", []contender{ours(had())}, []sighted{seen("1", "KUMA", its), unreadable}, "", "more console tasks"},
	} {
		v := verdictOn(c.all, c.tasks)
		assert.Equal(t, c.task, v.task, "%s: %s", c.name, v.doubt)
		assert.Contains(t, v.doubt, c.doubt, c.name)
		assert.Equal(t, c.doubt == "", v.doubt == "", c.name)
	}
}

// TestAVerdictIsNeverAnothersTask makes requests in a row, each with what was there
// when it was sent, and console tasks of them in any order and number: where there
// is a verdict it is right. So it is with one by hand among them, once each request
// has its own; by hand in the place of one that never comes nothing shows.
func TestAVerdictIsNeverAnothersTask(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []contender
		var tasks []sighted
		maker := map[string]int64{}
		made := map[int64]bool{}
		var ids []string
		put := func(by int64) {
			id := fmt.Sprint(len(ids) + 1)
			ids = append(ids, id)
			tasks = append(tasks, seen(id, "KUMA", "isolateHost"))
			maker[id] = by
		}
		byHand := rapid.Bool().Draw(t, "by hand")
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				c := contender{incident: int64(len(all) + 1), task: "isolatehost", area: "kuma", baseline: had(slices.Clone(ids)...)}
				if rapid.IntRange(0, 4).Draw(t, "whose") == 0 {
					c.baseline, c.foreign = nil, true
				}
				all = append(all, c)
			case 2:
				var waiting []int64
				for _, c := range all {
					if !made[c.incident] {
						waiting = append(waiting, c.incident)
					}
				}
				if len(waiting) > 0 {
					n := rapid.SampledFrom(waiting).Draw(t, "maker")
					made[n] = true
					put(n)
				}
			case 3:
				if byHand {
					put(0)
				}
			}
		}
		for _, c := range all {
			if byHand && !made[c.incident] {
				made[c.incident] = true
				put(c.incident)
			}
		}
		for i, c := range all {
			v := verdictOn(append([]contender{c}, slices.Delete(slices.Clone(all), i, i+1)...), tasks)
			if v.task != "" {
				require.Equal(t, c.incident, maker[v.task], "%v %v", all, tasks)
			}
		}
	})
}

// BenchmarkVerdictOn is one host with so many requests of one kind and as many
// console tasks.
func BenchmarkVerdictOn(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var all []contender
			var tasks []sighted
			for i := range n {
				all = append(all, contender{incident: int64(i), task: "isolatehost", area: "kuma", baseline: had()})
				tasks = append(tasks, seen(fmt.Sprint(i+1), "KUMA", "isolateHost"))
			}
			for b.Loop() {
				verdictOn(all, tasks)
			}
		})
	}
}
