package ksc

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func valueOf(t require.TestingT, text string) value {
	var v value
	require.NoError(t, json.Unmarshal([]byte(text), &v), text)
	return v
}

// forms are the forms in which KSC may write one value.
func formsOf(kind, bare string) []string {
	return []string{
		bare,
		`{"type":"` + kind + `","value":` + bare + `}`,
		"{ \"value\" :\t" + bare + ",\n\"type\":\"" + kind + `" }`,
	}
}

func TestALongIsReadInEveryForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, 1 << 53, 1<<53 + 1, 0, -1})).Draw(t, "n")
		digits := strconv.FormatInt(n, 10)
		for _, bare := range []string{digits, `"` + digits + `"`} {
			for _, form := range formsOf("long", bare) {
				got, ok := valueOf(t, form).integer()
				require.True(t, ok, form)
				require.Equal(t, n, got, form)
			}
		}
	})
}

func TestWhatIsNoLong(t *testing.T) {
	for _, text := range []string{
		`null`, `true`, `""`, `"x"`, `1.0`, `1e3`, `"1e3"`, `"0x10"`, `" 1"`, `"1_000"`, `9223372036854775808`, `[1]`, `{}`,
		`{"type":"long","value":null}`, `{"type":"long"}`, `{"type":"long","value":{"type":"long","value":1}}`, `{"type":1,"value":1}`,
		`"` + strings.Repeat("1", 100) + `"`,
	} {
		_, ok := valueOf(t, text).integer()
		assert.False(t, ok, text)
	}
}

func TestADatetimeIsReadInEveryForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := time.Unix(rapid.Int64Range(0, 4102444800).Draw(t, "unix"), 0).UTC()
		wire, err := asciiJSON(datetime(want.In(time.FixedZone("", 19800))))
		require.NoError(t, err)
		require.Equal(t, `{"type":"datetime","value":"`+want.Format("2006-01-02T15:04:05Z")+`"}`, string(wire))
		require.Equal(t, want, valueOf(t, string(wire)).moment())
		for _, layout := range []string{"2006-01-02T15:04:05Z", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04:05.000Z", "2006-01-02T15:04:05+00:00"} {
			for _, form := range formsOf("datetime", `"`+want.Format(layout)+`"`) {
				require.Equal(t, want, valueOf(t, form).moment(), form)
			}
		}
	})
	for _, text := range []string{`null`, `""`, `{"type":"datetime","value":""}`, `0`, `"yesterday"`, `"2026-13-01T00:00:00Z"`, `{}`} {
		assert.True(t, valueOf(t, text).moment().IsZero(), text)
	}
}

func TestATextIsReadAsItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.String().Draw(t, "text")
		ascii, err := asciiJSON(want)
		require.NoError(t, err)
		for _, b := range ascii {
			require.Less(t, b, byte(0x7f), "ASCII, and no DEL")
			require.GreaterOrEqual(t, b, byte(0x20), "one line")
		}
		var back string
		require.NoError(t, json.Unmarshal(ascii, &back))
		require.Equal(t, want, back)
		require.Equal(t, want, valueOf(t, string(ascii)).text())
	})
	assert.Equal(t, "4711", valueOf(t, `4711`).text())
	assert.Empty(t, valueOf(t, `null`).text())
	assert.Empty(t, valueOf(t, `["a"]`).text())
	html, err := asciiJSON("<&>")
	require.NoError(t, err)
	assert.Equal(t, `"<&>"`, string(html), "not escaped for HTML")
}

func TestABooleanIsOnlyTrueOrFalse(t *testing.T) {
	for text, want := range map[string][2]bool{
		`true`: {true, true}, `false`: {false, true}, `{"type":"bool","value":false}`: {false, true},
		`null`: {}, `"true"`: {}, `1`: {}, `{}`: {}, `[]`: {},
	} {
		is, known := valueOf(t, text).boolean()
		assert.Equal(t, want, [2]bool{is, known}, text)
	}
}

func TestARecordIsReadWrappedAndBare(t *testing.T) {
	bare := `{"KLHST_WKS_HOSTNAME":"h","KLHST_WKS_LID":{"type":"long","value":"9007199254740993"},"p":{"type":"params","value":{"a":1}},"n":null}`
	for _, form := range formsOf("params", bare) {
		var r row
		require.NoError(t, json.Unmarshal([]byte(form), &r), form)
		assert.Len(t, r, 4)
		assert.Equal(t, "h", r["KLHST_WKS_HOSTNAME"].text())
		n, ok := r["KLHST_WKS_LID"].integer()
		assert.True(t, ok)
		assert.EqualValues(t, 9007199254740993, n)
		assert.JSONEq(t, `{"a":1}`, string(r["p"].raw))
	}
	for _, text := range []string{`17`, `"a"`, `[]`, `[{}]`, `{"type":"params","value":17}`, `true`} {
		var r row
		assert.Error(t, json.Unmarshal([]byte(text), &r), text)
	}
	var r row
	require.NoError(t, json.Unmarshal([]byte(`null`), &r))
	assert.Nil(t, r)
}

// FuzzValue reads any JSON as each type: nothing panics, and what is read as a
// number or a time is what is written there.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{
		`null`, `17`, `"17"`, `{"type":"long","value":"9007199254740993"}`, `{"type":"datetime","value":"2021-03-19T16:18:53Z"}`,
		`{"type":"params","value":{"a":{"type":"binary","value":"AA=="}}}`, `[{"type":"params","value":{}}]`, `{"type":"x","value":{"type":"y","value":1}}`,
		`{"value":1,"value":2}`, `{"type":"a","type":"b"}`,
		`{"TASK_UNIQUE_ID":195,"DisplayName":"\u001b","TASK_INFO_PARAMS":{"type":"params","value":{"DisplayName":"n","PRTS_TASK_CREATION_DATE":{"type":"datetime","value":"2026-11-25T09:00:00Z"}}}}`,
		`{"hostname":"h","state_code":"4","state_descr":"x","completed_percent":101,"nState":4,"taskStateDescr":"\n","task_new_state":-1,"GNRL_EA_DESCRIPTION":"\u202e"}`, `"\ud800"`, `-0`, `{"type":null,"value":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v value
		if err := json.Unmarshal(data, &v); err != nil {
			require.False(t, json.Valid(data), "any JSON is a value: %v", err)
			return
		}
		require.True(t, json.Valid(v.raw), "%q", v.raw)
		require.True(t, utf8.ValidString(v.text()))
		if n, ok := v.integer(); ok {
			digits := strconv.FormatInt(n, 10)
			require.Contains(t, strings.NewReplacer("+", "", "-0", "0").Replace(string(v.raw)), strings.TrimPrefix(digits, "-"))
		}
		if at := v.moment(); !at.IsZero() {
			require.Equal(t, time.UTC, at.Location())
		}
		v.boolean()
		var r row
		if json.Unmarshal(data, &r) == nil {
			for _, one := range r {
				require.True(t, json.Valid(one.raw))
			}
			hostOf(r)
			readsTasks(t, r)
		}
		var many rows
		if json.Unmarshal(data, &many) == nil {
			require.LessOrEqual(t, len(many.all), chunkSize+1)
		}
	})
}

// readsTasks reads a record as each kind that has to do with console tasks:
// what comes of it is bounded, printable and in range.
func readsTasks(t *testing.T, r row) {
	task, err := consoleTaskOf("M", r)
	if err != nil {
		checkError(t, err.(*Error))
	}
	event, status, local := eventOf(r), statusOf(r), localStatusOf(r)
	for most, texts := range map[int][]string{
		maxTaskName:    {task.Name, task.Type, task.Product, task.Version, event.Type, event.DisplayName},
		maxDescription: {event.Description, status.Description, local.Description},
	} {
		for _, text := range texts {
			require.LessOrEqual(t, len(text), most+len("…"))
			require.True(t, utf8.ValidString(text))
			require.NotRegexp(t, `[\x00-\x1f\x7f]`, text)
		}
	}
	for _, s := range []TaskStatus{status, local} {
		require.True(t, s.State == StateUnknown || s.State.String() != "unknown", s.State)
		require.True(t, s.Percent >= 0 && s.Percent <= 100 && (s.PercentKnown || s.Percent == 0))
	}
}

// FuzzAnswer reads any bytes, with any status and packing, as each answer:
// nothing panics, an error is bounded, printable and complete, and no order
// is called carried out, or refused, for want of a clear word.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{}`, ``, `null`, `<html>`, `{"PxgRetVal":4711}`, `{"PxgRetVal":"4711","strAccessor":"a"}`,
		`{"PxgError":{"code":1184,"subcode":0,"module":"KLSTD","message":"x","locdata":{"type":"params","value":{"format":"%1 %2","args":["a"]}}}}`,
		`{"pChunk":{"KLCSP_ITERATOR_ARRAY":[{"type":"params","value":{"KLHST_WKS_HOSTNAME":"h"}}]},"PxgRetVal":1}`,
		`{"PxgRetVal":["195",196,null,"195"]}`, `{"strIteratorId":"i"}`, `{"pTaskData":{"TASK_UNIQUE_ID":"1"}}`,
		`{"PxgRetVal":"1","l":{"type":"params","value":{"m":[{"type":"params","value":{"hostname":"h"}},null,{}]}}}`, `{"l":null}`, `{"l":{"m":17}}`,
		`{"PxgError":null,"PxgRetVal":1}`, `{"PxgError":{"message":"no --token=hunter22"}}`, `no "--token=hunter22"`, `{"PxgRetVal":{"KLHST_WKS_IP_LONG":{"type":"long","value":"-1"}}}`,
	} {
		f.Add(200, "", []byte(seed))
		f.Add(403, "gzip", []byte(seed))
		f.Add(500, "deflate", []byte(seed))
	}
	c, err := New(Config{Addr: "h:1", User: "u", Password: "secret-password"})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, status int, packing string, body []byte) {
		for _, answer := range []any{
			nil, &struct{ PxgRetVal string }{}, &found{}, &struct {
				ID incidentID `json:"PxgRetVal"`
			}{}, &struct {
				Row row `json:"PxgRetVal"`
			}{}, &row{}, &page{list: "l", member: "m"}, &struct {
				IDs taskIDs `json:"PxgRetVal"`
			}{}, &struct {
				Chunk struct {
					Rows rows `json:"KLCSP_ITERATOR_ARRAY"`
				} `json:"pChunk"`
			}{},
		} {
			resp := &http.Response{StatusCode: status, Header: http.Header{"Content-Encoding": {packing}}, Body: io.NopCloser(strings.NewReader(string(body)))}
			x := &exchange{client: c, method: "HostGroup.AddIncident", hidden: c.hidden(), ask: ask{once: true, sealed: func() []string { return []string{"--token=hunter22"} }}}
			data, err := c.readAnswer(resp, maxAnswerBytes)
			if err != nil {
				checkError(t, x.lost(t.Context(), err, Unknown))
				continue
			}
			err = x.understand(resp, data, answer)
			if err == nil {
				require.Equal(t, 200, status)
				require.True(t, json.Valid(data))
				continue
			}
			e, ok := err.(*Error)
			require.True(t, ok)
			checkError(t, e)
			if e.Delivery == Answered {
				require.True(t, strings.Contains(strings.ToLower(string(data)), "pxgerror") || strings.Contains(string(data), `\u`), "%d %q", status, data)
			}
		}
	})
}

func checkError(t *testing.T, e *Error) {
	text := e.Error()
	require.NotEmpty(t, e.Message)
	require.Less(t, len(text), 8000)
	require.True(t, utf8.ValidString(text))
	require.NotRegexp(t, `[\x00-\x1f\x7f]`, text)
	require.NotContains(t, text, "secret-password")
	require.NotContains(t, text, "hunter22")
}
