package bulk

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/mattn/go-runewidth"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/display"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/shared"
)

// runningShown is how many targets that run have a line.
const runningShown = 6

// liveBoard shows a bulk on a terminal: at the bottom how far it is and a line for
// the first of those that run, above it a line for each that has ended.
type liveBoard struct {
	bulk *bulk
	live *display.Live

	mu      sync.Mutex
	running []int // in the order in which they were begun
	stands  map[int]string
	ended   int
	badly   int
	waited  waiting
	err     error
}

func newLiveBoard(b *bulk) *liveBoard {
	l := &liveBoard{bulk: b, live: display.NewLive(b.Out, runningShown, int64(len(b.Targets))), stands: map[int]string{}}
	l.redraw()
	return l
}

func (l *liveBoard) began(i int, _ shared.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = append(l.running, i)
	l.stands[i] = "asking KSC"
	l.redraw()
}

func (l *liveBoard) heard(i int, e shared.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch p := e.Progress; {
	case e.Result != nil:
		l.ended++
		if e.Result.Exit() != shared.ExitOK {
			l.badly++
		}
		l.keep(l.live.Print(targetText(*e.Result, l.bulk.Paint)))
		l.running = slices.DeleteFunc(l.running, func(one int) bool { return one == i })
		delete(l.stands, i)
		l.live.Fill(int64(l.ended))
	case e.Accepted != nil:
		l.stands[i] = "sending"
	case p != nil && p.Incident != nil:
		l.stands[i] = "stored as incident " + p.Incident.ID
	case p != nil && p.Stage != shared.StageWarning:
		l.stands[i] = p.Message
	}
	l.redraw()
}

func (l *liveBoard) waits(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waited.news(why) {
		l.keep(l.live.Print(printable.Text(why) + "\n"))
	}
	l.redraw()
}

// redraw changes the lines at the bottom.
func (l *liveBoard) redraw() {
	var rows []string
	for _, i := range l.running[:min(len(l.running), runningShown)] {
		rows = append(rows, "  "+printable.Text(l.bulk.Targets[i].Host+": "+l.stands[i]))
	}
	back := fmt.Sprintf("%d running", len(l.running))
	if l.badly > 0 {
		back += fmt.Sprintf(", %d not well", l.badly)
	}
	if l.waited.on {
		back += ", waiting for room at KSC"
	}
	l.live.Show(rows, fmt.Sprintf("%d/%d", l.ended, len(l.bulk.Targets)), back)
}

func (l *liveBoard) keep(err error) {
	if l.err == nil {
		l.err = err
	}
}

func (l *liveBoard) unheard() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *liveBoard) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keep(l.live.Close())
	width := display.Width(l.bulk.Out)
	for text := range strings.Lines("\n" + l.bulk.sum.table()) {
		_, err := io.WriteString(l.bulk.Out, runewidth.Truncate(strings.TrimRight(text, "\n"), width, "…")+"\n")
		l.keep(err)
	}
}
