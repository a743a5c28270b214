package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// counted is the line in which callgrind says how many instructions there were.
var counted = regexp.MustCompile(`(?m)^totals: (\d+)$`)

// instructions counts what each kind of command executes outside the kernel. That
// is nearly the same on each machine, which its CPU time is not: where a page fault
// or the start of a process is dear, both weigh more than all else.
func (b *bench) instructions(s *server, kinds map[string]func() *exec.Cmd) {
	if _, err := exec.LookPath("valgrind"); err != nil {
		b.table.row("one command: instructions", "no valgrind here", "", "", "")
		return
	}
	counts := map[string]int64{}
	for name, kind := range kinds {
		n, err := b.count(s, kind())
		if err != nil {
			b.table.row("one command: instructions", "not counted: "+err.Error(), "", "", "")
			return
		}
		counts[name] = n
	}
	ours, floor := float64(counts["ours"]), float64(counts["floor"])
	b.table.row("one command: instructions", millions(ours), millions(floor)+" net/http", times(ours/floor), "")
	b.table.row("one command: instructions until it looks at its arguments (`version`)", millions(float64(counts["start"])), "", "", "")
	if python := float64(counts["python"]); python > 0 {
		b.table.row("one command: instructions beside Python", millions(ours), millions(python), times(python/ours)+" times less", "")
	}
}

// count is the median of three runs, of one where all is small. The signals with which Go interrupts its
// goroutines are more than callgrind takes: there are none, and where a run does not
// get through all the same it is done again.
func (b *bench) count(s *server, cmd *exec.Cmd) (int64, error) {
	file := filepath.Join(b.dir, "callgrind")
	var all []int64
	for try := 0; len(all) < b.of(3, 1); try++ {
		traced := b.command(s, "valgrind", append([]string{"--quiet", "--tool=callgrind", "--callgrind-out-file=" + file}, cmd.Args...)...)
		traced.Env = append(traced.Env, "GODEBUG=asyncpreemptoff=1")
		if err := traced.Run(); err != nil {
			if try < 9 && b.ctx.Err() == nil {
				continue
			}
			return 0, err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, err
		}
		m := counted.FindSubmatch(text)
		if m == nil {
			return 0, fmt.Errorf("%s does not say how many there were", file)
		}
		n, err := strconv.ParseInt(string(m[1]), 10, 64)
		if err != nil {
			return 0, err
		}
		all = append(all, n)
	}
	return median(all), nil
}

func millions(n float64) string { return fmt.Sprintf("%.1f million", n/1e6) }
