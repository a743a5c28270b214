package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/journal/report"
	"github.com/kes-respond/kes-respond/shared"
)

// drawn is the page as the program makes it of a report.
func drawn(t *testing.T, r report.Report) string {
	t.Helper()
	in, err := json.Marshal(r)
	require.NoError(t, err)
	var out, complaints bytes.Buffer
	require.Equal(t, shared.ExitOK, run(nil, bytes.NewReader(in), &out, &complaints), complaints.String())
	return out.String()
}

// elements are all elements of a page as a browser would read it.
func elements(t *testing.T, page string) []*html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	var all []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			all = append(all, n)
		}
	}
	return all
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// TestPageLoadsAndRunsNothing whatever a host, a caller or KSC has written.
func TestPageLoadsAndRunsNothing(t *testing.T) {
	page := drawn(t, week(300, "http://evil.example/x"))
	known := map[string]bool{}
	for _, name := range strings.Fields("html head meta link title style body main header section h1 h2 p b bdi br code small span ul li figure figcaption picture source img div table thead tbody tr th td details summary") {
		known[name] = true
	}
	data := regexp.MustCompile(`^data:(,|image/svg\+xml;base64,[A-Za-z0-9+/=]+)$`)
	images, policy, style := 0, "", ""
	for _, n := range elements(t, page) {
		assert.True(t, known[n.Data], "<%s> is none of the page's", n.Data)
		for _, a := range n.Attr {
			switch a.Key {
			case "src", "srcset", "href":
				assert.Regexp(t, data, a.Val)
				if strings.Contains(a.Val, "base64") {
					images++
					harmlessImage(t, a.Val)
				}
			case "lang", "charset", "http-equiv", "content", "name", "rel", "class", "aria-label", "media", "alt", "width", "height":
			default:
				t.Errorf("<%s %s> is none of the page's", n.Data, a.Key)
			}
		}
		if attribute(n, "http-equiv") == "Content-Security-Policy" {
			policy = attribute(n, "content")
		}
		if n.Data == "style" {
			style = n.FirstChild.Data
		}
	}
	assert.Equal(t, 12, images, "three charts, wide and narrow, light and dark")
	sum := sha256.Sum256([]byte(style))
	assert.Contains(t, policy, "default-src 'none';")
	assert.Contains(t, policy, "style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	assert.NotContains(t, policy, "unsafe")
	assert.NotContains(t, style, "url(")
	assert.NotContains(t, page, "\x1b")
	assert.NotContains(t, page, "\u202e")
	assert.Contains(t, page, "&lt;script&gt;document.title", "what was written is shown")
}

// harmlessImage says that a chart is whole XML of shapes and texts.
func harmlessImage(t *testing.T, source string) {
	t.Helper()
	_, coded, _ := strings.Cut(source, "base64,")
	svg, err := base64.StdEncoding.DecodeString(coded)
	require.NoError(t, err)
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		if e, ok := token.(xml.StartElement); ok {
			assert.Contains(t, []string{"svg", "path", "text", "circle"}, e.Name.Local)
			for _, a := range e.Attr {
				assert.False(t, strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" || strings.Contains(a.Value, "url("), "%s=%q", a.Name.Local, a.Value)
			}
		}
	}
}

// rows are the texts of the rows of the last table.
func rows(t *testing.T, page string) (all []string) {
	t.Helper()
	_, last, found := strings.Cut(page, "<h2>All requests</h2>")
	require.True(t, found)
	for _, n := range elements(t, "<table>"+last[strings.Index(last, "<tbody>"):]) {
		if n.Data == "tr" {
			all = append(all, text(n))
		}
	}
	return all
}

func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data + " ")
		}
	}
	return b.String()
}

func TestPageSaysWhatIsLeftOut(t *testing.T) {
	whole := drawn(t, week(report.MaxRequests-1, "x"))
	assert.Len(t, rows(t, whole), report.MaxRequests)
	assert.NotContains(t, whole, "are left out here")
	cut := drawn(t, week(report.MaxRequests, "x"))
	assert.Len(t, rows(t, cut), report.MaxRequests)
	assert.Contains(t, cut, "The newest 5000 are listed; 1 older ones are left out here, and counted above.")
	assert.Contains(t, cut, "<h2>5001 requests</h2>")
}

// TestPageSaysWhatItRestsOn: whether the ledger was proved, is whole, and has
// the times that the clock has.
func TestPageSaysWhatItRestsOn(t *testing.T) {
	r := week(3, "x")
	r.Proof = report.Proof{Sound: true, Lines: 12}
	sound := drawn(t, r)
	assert.Contains(t, sound, "Each of the ledger's 12 lines was proved to be as it was written; that lines are missing at its end no anchor rules out.")
	assert.Contains(t, sound, "A request counts at the time when it was decided, whenever it ended.")
	assert.NotContains(t, sound, `"warn alarm"`)
	r.Proof.Heads = 4
	assert.Contains(t, drawn(t, r), "4 of them by the anchor")
	r.Ahead, r.Dropped, r.Oldest = 2, true, r.Since.Add(time.Hour)
	r.Proof = report.Proof{Flaws: 3, First: "ledger-1, line <b>7</b>: changed"}
	bad := drawn(t, r)
	assert.Contains(t, bad, "so this report may be wrong. Flaws: 3, the first one: <bdi>ledger-1, line &lt;b&gt;7&lt;/b&gt;: changed</bdi>")
	assert.NotContains(t, bad, "was proved to be")
	assert.Contains(t, bad, "the oldest that it has is of 2026-11-20 13:00:00")
	assert.Contains(t, bad, "2 requests have a time that is still to come")
	r.Proof, r.Oldest = report.Proof{Error: "no <key>"}, time.Time{}
	bad = drawn(t, r)
	assert.Contains(t, bad, "could not be proved: <bdi>no &lt;key&gt;</bdi>")
	assert.Contains(t, bad, "it has none left")
}

// TestPageHasTheNumbersOfEachChart in a table.
func TestPageHasTheNumbersOfEachChart(t *testing.T) {
	r := week(300, "x")
	page := drawn(t, r)
	_, table, found := strings.Cut(page, "<h2>By time</h2>")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "</table>")
	sum := 0
	for _, m := range regexp.MustCompile(`<b>(\d+)</b>`).FindAllStringSubmatch(table, -1) {
		n, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		sum += n
	}
	assert.Equal(t, r.Requests, sum)
	for _, n := range elements(t, page) {
		if n.Data == "img" {
			title := regexp.MustCompile(`the table "(.*)" has the numbers`).FindStringSubmatch(attribute(n, "alt"))
			require.NotNil(t, title)
			assert.Contains(t, page, "<h2>"+title[1]+"</h2>")
		}
	}
}

func TestPageOfNothing(t *testing.T) {
	r := report.New(time.Unix(0, 0), time.Unix(3600, 0)).Report()
	r.OpenError = "the ledger's lock <b>cannot</b> be taken"
	page := drawn(t, r)
	assert.Contains(t, page, "The ledger has no request of this period.")
	assert.Contains(t, page, "Nothing is open.")
	assert.Contains(t, page, "Which requests run could not be seen: the ledger&#39;s lock &lt;b&gt;")
	assert.NotContains(t, page, "<img")
}

// TestPageOfAnyShape: one request, and one that has no part that can be missing.
func TestPageOfAnyShape(t *testing.T) {
	at := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	for _, since := range []time.Time{at, at.Add(-time.Hour), at.AddDate(-30, 0, 0)} {
		c := report.New(since, at.Add(time.Second))
		c.Add(journal.Record{At: at, Outcome: shared.Submitted})
		all := rows(t, drawn(t, c.Report()))
		require.Len(t, all, 1)
		assert.Contains(t, all[0], "2026-11-20 08:00:00")
	}
}

func TestWhatIsNoReportIsRefused(t *testing.T) {
	for name, one := range map[string]struct {
		args []string
		in   string
		code int
		says string
	}{
		"nothing":      {nil, "", shared.ExitFailed, "is no report of this version"},
		"another form": {nil, `{"version":2}`, shared.ExitFailed, "has form 2 and not 1"},
		"more members": {nil, `{"version":1,"secrets":1}`, shared.ExitFailed, "is no report of this version"},
		"two":          {nil, `{"version":1} {"version":1}`, shared.ExitFailed, "more than one report"},
		"a word":       {[]string{"report.json"}, "", shared.ExitUsage, "takes no arguments"},
		"a flag":       {[]string{"--out"}, "", shared.ExitUsage, "unknown flag"},
	} {
		var out, complaints bytes.Buffer
		assert.Equal(t, one.code, run(one.args, strings.NewReader(one.in), &out, &complaints), name)
		assert.Contains(t, complaints.String(), one.says, name)
		assert.Empty(t, out.String(), name)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space is left") }

func TestAPageThatCannotBeWrittenIsTold(t *testing.T) {
	in, err := json.Marshal(week(1, "x"))
	require.NoError(t, err)
	var complaints bytes.Buffer
	assert.Equal(t, shared.ExitFailed, run(nil, bytes.NewReader(in), full{}, &complaints))
	assert.Contains(t, complaints.String(), "no space is left")
}

func BenchmarkPage(b *testing.B) {
	r := week(report.MaxRequests, "x")
	for b.Loop() {
		require.NoError(b, write(io.Discard, r))
	}
}
