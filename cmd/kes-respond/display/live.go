package display

import (
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// Live is the lowest lines of a terminal, which change in place while something
// runs and are gone when it has ended. What is printed meanwhile stands above
// them.
type Live struct {
	progress *mpb.Progress
	bar      *mpb.Bar
	began    time.Time

	mu    sync.Mutex
	rows  []string // above the last line; an empty one is none
	front string   // of the last line
	back  string
}

// refresh is how often the lines are drawn.
const refresh = 120 * time.Millisecond

// NewLive draws on a terminal, with so many rows above the last line. With a total
// the last line has a bar that fills. Close has to be called.
func NewLive(out io.Writer, rows int, total int64) *Live {
	l := &Live{began: time.Now(), rows: make([]string, rows)}
	l.progress = mpb.New(mpb.WithOutput(out), mpb.WithRefreshRate(refresh))
	var above []mpb.BarFiller
	for i := range rows {
		above = append(above, mpb.BarFillerFunc(func(w io.Writer, stat decor.Statistics) error { return l.draw(w, i, stat.AvailableWidth) }))
	}
	slices.Reverse(above) // they are drawn from the lowest to the highest
	text := func(of func() string) decor.Decorator {
		return decor.Any(func(decor.Statistics) string {
			l.mu.Lock()
			defer l.mu.Unlock()
			return of()
		})
	}
	style := mpb.NopStyle()
	if total > 0 {
		style = mpb.BarStyle().Lbound("[").Filler("=").Tip(">").Padding(" ").Rbound("]")
	}
	l.bar = l.progress.New(max(total, 1), style, mpb.BarRemoveOnComplete(), mpb.BarTopExtender(above...),
		mpb.PrependDecorators(text(func() string { return l.front })), mpb.AppendDecorators(text(func() string { return strings.TrimLeft(l.back+" "+l.elapsed(), " ") })))
	return l
}

// draw writes one row, cut to the width: one that wraps would not be taken away.
func (l *Live) draw(w io.Writer, i, width int) error {
	l.mu.Lock()
	text := l.rows[i]
	l.mu.Unlock()
	if text == "" {
		return nil
	}
	_, err := io.WriteString(w, runewidth.Truncate(text, max(width-1, 1), "…")+"\n")
	return err
}

// Show changes the lines. Rows that are not given are none.
func (l *Live) Show(rows []string, front, back string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.rows)
	copy(l.rows, rows)
	l.front, l.back = front, back
}

// Fill says how far the bar is.
func (l *Live) Fill(current int64) { l.bar.SetCurrent(current) }

// Print writes what stays.
func (l *Live) Print(text string) error {
	_, err := io.WriteString(l.progress, text)
	return err
}

// Close takes the lines away, and returns when what was printed is written.
func (l *Live) Close() error {
	l.bar.Abort(true)
	l.progress.Wait()
	return l.progress.Error
}

// elapsed is how long it has taken up to now.
func (l *Live) elapsed() string { return time.Since(l.began).Truncate(time.Second).String() }

// Width is how wide the terminal is that is written to; 80 where it does not say.
func Width(out io.Writer) int {
	if f, ok := out.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return 80
}
