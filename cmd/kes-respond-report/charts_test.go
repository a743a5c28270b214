package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/kes-respond/kes-respond/plugin/journal/report"
)

func TestEveryStandingHasAColourOfItsOwn(t *testing.T) {
	all := paints()
	light, dark := map[string]string{}, map[string]string{}
	for _, s := range report.Standings() {
		p, ok := all[s]
		assert.True(t, ok, s)
		assert.Empty(t, light[p.light], s)
		assert.Empty(t, dark[p.dark], s)
		light[p.light], dark[p.dark] = s, s
		assert.Contains(t, pageCSS, "."+class(s), "the word in the tables has a colour too")
	}
	assert.Len(t, all, len(report.Standings()))
}

// TestScaleHoldsTheLongestBar with round numbers, and not many.
func TestScaleHoldsTheLongestBar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		high := rapid.IntRange(0, 2_000_000).Draw(t, "highest")
		b := bars{labels: []string{"a", "b"}, values: [][]float64{{float64(high), 0}, {0, 1}}}
		most, labels := b.scale()
		assert.GreaterOrEqual(t, most, float64(high))
		assert.LessOrEqual(t, labels, 6)
		step := most / float64(labels-1)
		assert.Equal(t, step, float64(int(step)), "a count is whole")
	})
}

// TestLabelsHaveRoom: no two are nearer than a label is wide, and days stay.
func TestLabelsHaveRoom(t *testing.T) {
	labels := make([]string, 48)
	for i := range labels {
		labels[i] = "0" + string(rune('0'+i%10)) + ":00"
	}
	labels[3], labels[27] = "21 Nov", "22 Nov"
	few := sparse(labels, narrow)
	last, kept := -100, 0
	for i, l := range few {
		if l == "" {
			continue
		}
		assert.GreaterOrEqual(t, (i-last)*(narrow-80), 58*len(labels))
		last = i
		kept++
	}
	assert.Greater(t, kept, 2)
	assert.Contains(t, strings.Join(few, " "), "21 Nov")
	assert.Contains(t, strings.Join(few, " "), "22 Nov")
}

func TestStepName(t *testing.T) {
	for hours, want := range map[int]string{1: "an hour", 6: "6 hours", 24: "a day", 168: "7 days", 672: "28 days"} {
		assert.Equal(t, want, stepName(hours))
	}
}
