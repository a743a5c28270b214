package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var isolate = []string{"isolateHost", "--targetHost", "host", "--action", "1", "--hostLookup", "never", "--allowDuplicate", "true"}

// oneShot measures whole processes, one of each kind after the other, so that
// whatever else the machine does meets all of them.
func (b *bench) oneShot() error {
	s, err := b.emulator("oneshot")
	if err != nil {
		return err
	}
	defer s.stop()
	kinds := map[string]func() *exec.Cmd{
		"ours":  func() *exec.Cmd { return b.command(s, b.program("kes-respond"), isolate...) },
		"floor": func() *exec.Cmd { return b.command(s, b.program("floor")) },
		"start": func() *exec.Cmd { return b.command(s, b.program("kes-respond"), "version") },
	}
	python, version := b.python()
	if python != "" {
		kinds["python"] = func() *exec.Cmd { return b.command(s, python, "cmd/bench/testdata/standin.py") }
	}
	cpu, wall, peak := map[string][]time.Duration{}, map[string][]time.Duration{}, map[string][]int64{}
	for range b.of(60, 5) {
		for name, kind := range kinds {
			took, err := whole(kind())
			if err != nil {
				return err
			}
			cpu[name], wall[name], peak[name] = append(cpu[name], took.cpu), append(wall[name], took.wall), append(peak[name], took.peak)
		}
	}
	t := &b.table
	ours, floor := median(cpu["ours"]), median(cpu["floor"])
	t.row("one command: CPU", ms(ours), ms(floor)+" net/http", times(float64(ours)/float64(floor)), "at most 1.5")
	t.row("one command: CPU until it looks at its arguments (`version`)", ms(median(cpu["start"])), "", "", "")
	if python == "" {
		t.row("one command: CPU beside Python", ms(ours), "no python3 with requests here", "", "at least 12 times less")
	} else {
		other := median(cpu["python"])
		t.row("one command: CPU beside Python", ms(ours), ms(other)+" "+version, times(float64(other)/float64(ours))+" times less", "at least 12 times less")
		t.row("one command: time beside Python", ms(median(wall["ours"])), ms(median(wall["python"])), times(float64(median(wall["python"]))/float64(median(wall["ours"])))+" times less", "")
	}
	t.row("one command: time", ms(median(wall["ours"])), ms(median(wall["floor"]))+" net/http", times(float64(median(wall["ours"]))/float64(median(wall["floor"]))), "")
	t.row("one command: of that in fsync", b.fsync(s), "", "", "")
	b.instructions(s, kinds)
	t.row("one command: peak memory", peaked(median(peak["ours"])), peaked(median(peak["floor"]))+" net/http", "", "at most 20 MiB")
	return nil
}

// python finds the interpreter itself, not a script that looks for it, and
// says which one it is.
func (b *bench) python() (path, version string) {
	out, err := exec.CommandContext(b.ctx, "python3", "-c",
		"import sys, requests; print(sys.executable); print('Python %d.%d, requests %s' % (*sys.version_info[:2], requests.__version__))").Output()
	if lines := strings.Split(strings.TrimSpace(string(out)), "\n"); err == nil && len(lines) == 2 {
		return lines[0], lines[1]
	}
	return "", ""
}

// fsync tells how long one command waits for the disk, traced apart from what
// is timed.
func (b *bench) fsync(s *server) string {
	if _, err := exec.LookPath("strace"); err != nil {
		return "no strace here"
	}
	var all []time.Duration
	calls := 0
	for range b.of(20, 3) {
		file := filepath.Join(b.dir, "trace")
		cmd := b.command(s, "strace", append([]string{"-f", "-T", "-e", "trace=fsync,fdatasync", "-o", file, b.program("kes-respond")}, isolate...)...)
		if _, err := whole(cmd); err != nil {
			return err.Error()
		}
		trace, err := os.ReadFile(file)
		if err != nil {
			return err.Error()
		}
		var sum float64
		calls = bytes.Count(trace, []byte("sync(")) // also where its answer stands in another line
		for _, m := range regexp.MustCompile(`<(\d+\.\d+)>`).FindAllSubmatch(trace, -1) {
			seconds, err := strconv.ParseFloat(string(m[1]), 64)
			if err != nil {
				return err.Error()
			}
			sum += seconds
		}
		all = append(all, time.Duration(sum*1e9))
	}
	return fmt.Sprintf("%s in %d calls", ms(median(all)), calls)
}
