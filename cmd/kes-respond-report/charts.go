package main

import (
	"encoding/base64"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/go-analyze/charts"

	"github.com/kes-respond/kes-respond/plugin/journal/report"
	"github.com/kes-respond/kes-respond/shared"
)

// paint is a standing's colour on a light and on a dark page.
type paint struct{ light, dark string }

// paints are told apart by lightness as well as by hue; the legend and the
// tables name each, so that no meaning hangs on a colour alone.
func paints() map[string]paint {
	return map[string]paint{
		string(shared.Succeeded): {"#2e7d32", "#66bb6a"},
		string(shared.Submitted): {"#1565c0", "#64b5f6"},
		string(shared.Partial):   {"#9e9d24", "#d4e157"},
		string(shared.Pending):   {"#ef6c00", "#ffb74d"},
		report.Running:           {"#00838f", "#4dd0e1"},
		string(shared.Unknown):   {"#7b1fa2", "#ce93d8"},
		report.InDoubt:           {"#ad1457", "#f48fb1"},
		report.NotEnded:          {"#c2185b", "#f06292"},
		string(shared.Failed):    {"#c62828", "#ef5350"},
		string(shared.Refused):   {"#6d4c41", "#bcaaa4"},
		string(shared.Cancelled): {"#90a4ae", "#78909c"},
		report.Duplicate:         {"#546e7a", "#b0bec5"},
	}
}

// swatches is the style of the legend, of which the charts' colours are the source.
func swatches() string {
	var light, dark strings.Builder
	for _, s := range report.Standings() {
		c := paints()[s]
		fmt.Fprintf(&light, ".%s { --swatch: %s; }\n", class(s), c.light)
		fmt.Fprintf(&dark, ".%s { --swatch: %s; }\n", class(s), c.dark)
	}
	return light.String() + "@media screen and (prefers-color-scheme: dark) {\n" + dark.String() + "}\n"
}

// class is the standing's class in the page.
func class(standing string) string { return "s-" + strings.ReplaceAll(standing, " ", "-") }

// figure is a chart as images: an image runs no script and loads nothing, so
// that a name in it can do no harm.
type figure struct {
	Title, Alt    string
	Images        []drawing // all but the last are for a medium
	Src           template.URL
	Width, Height int
}

// drawing is one drawing of a chart.
type drawing struct {
	Media  string
	Srcset template.Srcset
}

// bars is what a chart shows: labels, and for each standing a number per label.
type bars struct {
	labels    []string
	standings []string
	values    [][]float64 // by standing
	lying     bool        // the bars
}

// longestLabel is how many characters of a name a chart has room for.
const longestLabel = 16

func groupBars(groups []report.Group, most int) bars {
	groups = slices.Clone(groups[:min(len(groups), most)])
	slices.Reverse(groups) // a lying chart begins below
	b := bars{lying: true}
	var by []map[string]int
	for _, g := range groups {
		label := []rune(g.Name)
		if len(label) > longestLabel {
			label = append(label[:longestLabel-1], '…')
		}
		b.labels, by = append(b.labels, string(label)), append(by, g.By)
	}
	return b.with(by)
}

// timeBars names days where the steps are shorter than one, and hours where
// there are no more than those of two days.
func timeBars(t report.Timeline) bars {
	var b bars
	var by []map[string]int
	for _, s := range t.Steps {
		label := ""
		switch hour := s.At.Hour(); {
		case t.Hours >= 24 || hour == 0:
			label = s.At.Format("2 Jan")
		case t.Hours == 1:
			label = s.At.Format("15:04")
		}
		b.labels, by = append(b.labels, label), append(by, s.By)
	}
	return b.with(by)
}

// sparse leaves out labels for which there is no room: the library would keep
// the last one, over its neighbour. Days stay before hours.
func sparse(labels []string, width int) []string {
	const room, around = 58, 80
	every := 1 + (len(labels)*room)/(width-around)
	few := make([]string, len(labels))
	free := func(i int) bool { // so many labels before and after i
		return strings.Join(few[max(0, i-every+1):min(len(few), i+every)], "") == ""
	}
	for _, hours := range []bool{false, true} {
		for i, l := range labels {
			if l != "" && strings.Contains(l, ":") == hours && (i == 0 || i+every/2 < len(labels)) && free(i) {
				few[i] = l
			}
		}
	}
	return few
}

func (b bars) with(by []map[string]int) bars {
	for _, standing := range report.Standings() {
		row, some := make([]float64, len(by)), false
		for i, counts := range by {
			row[i] = float64(counts[standing])
			some = some || counts[standing] > 0
		}
		if some {
			b.standings, b.values = append(b.standings, standing), append(b.values, row)
		}
	}
	return b
}

// figureOf draws a chart for wide and, where it is another one, for narrow
// pages, on light and on dark.
func figureOf(title, alt string, b bars, height, wide, narrow int) (figure, error) {
	f := figure{Title: title, Alt: alt, Width: wide, Height: height}
	for _, width := range slices.Compact([]int{narrow, wide}) {
		for _, dark := range []bool{true, false} {
			svg, err := b.draw(width, height, dark)
			if err != nil {
				return f, fmt.Errorf("the chart %q: %w", title, err)
			}
			src := "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(svg)
			var media []string
			if width != wide {
				media = append(media, "(max-width: 640px)")
			}
			if dark {
				media = append(media, "screen", "(prefers-color-scheme: dark)")
			}
			if len(media) == 0 {
				f.Src = template.URL(src) // base64, of ours
				continue
			}
			slices.SortStableFunc(media, func(a, b string) int { return strings.Compare(b, a) }) // the type of medium is first
			f.Images = append(f.Images, drawing{strings.Join(media, " and "), template.Srcset(src)})
		}
	}
	return f, nil
}

func (b bars) draw(width, height int, dark bool) ([]byte, error) {
	theme := charts.ThemeOption{
		IsDarkMode: dark, BackgroundColor: charts.ColorTransparent,
		AxisStrokeColor: charts.ParseColor("#8a8f98"), AxisSplitLineColor: charts.ParseColor("#e3e6ea"), TextColor: charts.ParseColor("#1f2328"),
	}
	if dark {
		theme.AxisSplitLineColor, theme.TextColor = charts.ParseColor("#343a42"), charts.ParseColor("#e6e8eb")
	}
	all := paints()
	for _, s := range b.standings {
		c := all[s].light
		if dark {
			c = all[s].dark
		}
		theme.SeriesColors = append(theme.SeriesColors, charts.ParseColor(c))
	}
	p := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: width, Height: height, Theme: charts.MakeTheme(theme)})
	small := charts.FontStyle{FontSize: 9}
	count := func(f float64) string { return fmt.Sprintf("%.0f", f) }
	most, labels := b.scale()
	o := charts.NewBarChartOptionWithData(b.values)
	o.Theme, o.Horizontal, o.StackSeries = charts.MakeTheme(theme), b.lying, charts.Ptr(true)
	o.Padding, o.ValueFormatter = charts.NewBox(12, 8, 24, 8), count
	o.Legend.Show = charts.Ptr(false) // the page has one for all charts
	o.CategoryAxis.Labels, o.CategoryAxis.LabelFontStyle = b.labels, small
	if b.lying {
		o.CategoryAxis.LabelOffset.Left = -8 // fonts may be wider than the library takes them to be
	} else {
		o.CategoryAxis.Labels, o.CategoryAxis.LabelCount = sparse(b.labels, width), len(b.labels)
	}
	o.ValueAxis = []charts.ValueAxisOption{{
		Min: charts.Ptr(0.0), Max: charts.Ptr(most), LabelCount: labels, RangeValuePaddingScale: charts.Ptr(0.0), LabelFontStyle: small, ValueFormatter: count,
	}}
	if err := p.BarChart(o); err != nil {
		return nil, err
	}
	return p.Bytes()
}

// scale is a round end of the axis of values, above the longest bar, and how
// many labels it has.
func (b bars) scale() (most float64, labels int) {
	for i := range b.labels {
		sum := 0.0
		for _, row := range b.values {
			sum += row[i]
		}
		most = max(most, sum)
	}
	step := 1.0
	for i := 0; most > 5*step; i++ {
		step *= [...]float64{2, 2.5, 2}[i%3] // 1, 2, 5, 10
	}
	n := max(1, math.Ceil(most/step))
	return n * step, int(n) + 1
}

// stepName is how long a bar of the timeline is.
func stepName(hours int) string {
	switch {
	case hours == 1:
		return "an hour"
	case hours == 24:
		return "a day"
	case hours%24 == 0:
		return fmt.Sprintf("%d days", hours/24)
	}
	return fmt.Sprintf("%d hours", hours)
}

// span is a duration to the second, or finer where it is shorter.
func span(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
