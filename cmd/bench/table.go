package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// table is what is printed: a row for each thing that was measured.
type table struct{ rows [][5]string }

// row adds what was measured, the same of what stands beside it, their ratio
// and the ratio or value that is aimed at.
func (t *table) row(what, ours, beside, ratio, aim string) {
	t.rows = append(t.rows, [5]string{what, ours, beside, ratio, aim})
}

func (t *table) print(out io.Writer) error {
	fmt.Fprintf(out, "%s, %s/%s, %d CPUs%s\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), load())
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| What\t| kes-respond\t| Beside\t| Ratio\t| Aim\t|")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|---\t|")
	for _, r := range t.rows {
		fmt.Fprintf(w, "| %s\t|\n", strings.Join(r[:], "\t| "))
	}
	return w.Flush()
}

// load tells how busy the machine was, where the system says so.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	return ", load " + strings.Join(strings.Fields(string(text))[:3], " ")
}

// median of what many runs took.
func median[T int64 | float64 | time.Duration](all []T) T {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1e3) }

func times(x float64) string { return fmt.Sprintf("%.2f", x) }

func mib(kib int64) string { return fmt.Sprintf("%.1f MiB", float64(kib)/1024) }
