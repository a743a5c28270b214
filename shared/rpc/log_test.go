package rpc_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared/rpc"
)

type resolving struct{ attrs []slog.Attr }

func (r resolving) LogValue() slog.Value { return slog.GroupValue(r.attrs...) }

// TestLogLine: the host finds its three keys as strings, in its layout, whatever
// attributes are called.
func TestLogLine(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(rpc.LogHandler(&out, slog.LevelDebug-4))
	evil := []any{"@level", 1, "level", slog.LevelInfo, "msg", "m", "time", time.Now(), "@message", []int{2}, "@timestamp", map[string]int{}}
	log = log.With(evil...).With("", resolving{[]slog.Attr{slog.Int("@level", 7)}}).With(slog.Group("", slog.Group("", slog.Int("@message", 7))))
	for level, want := range map[slog.Level]string{
		-8: "trace", -4: "debug", -1: "debug", 0: "info", 1: "info", 4: "warn", 8: "error", 12: "error",
	} {
		out.Reset()
		log.Log(t.Context(), level, "text", append(evil, "kept", "as it is")...)
		line := must[map[string]any](t, out.String())
		assert.Equal(t, want, line["@level"])
		assert.Equal(t, "text", line["@message"])
		_, err := time.Parse("2006-01-02T15:04:05.000000Z07:00", line["@timestamp"].(string))
		assert.NoError(t, err)
		assert.Equal(t, "as it is", line["kept"])
		assert.Equal(t, 1, strings.Count(out.String(), `"@level":`))
		for key := range line {
			assert.False(t, strings.HasPrefix(key, "@") && key != "@level" && key != "@message" && key != "@timestamp", key)
		}
	}
	out.Reset()
	slog.New(rpc.LogHandler(&out, slog.LevelInfo)).WithGroup("@level").Info("grouped", "a", strings.Repeat("ж", 60<<10))
	assert.IsType(t, "", must[map[string]any](t, out.String())["@level"])
	assert.Less(t, out.Len(), 64<<10, "a host reads so much at once")
}

// TestLogHandlerIsOne: it is a handler like any other, but for its names.
func TestLogHandlerIsOne(t *testing.T) {
	var out bytes.Buffer
	handler := rpc.LogHandler(&out, slog.LevelInfo)
	slogtest.Run(t, func(*testing.T) slog.Handler { out.Reset(); return handler }, func(t *testing.T) map[string]any {
		var line map[string]any
		require.NoError(t, json.Unmarshal(out.Bytes(), &line))
		for own, theirs := range map[string]string{"@level": "level", "@message": "msg", "@timestamp": "time"} {
			if v, ok := line[own]; ok {
				line[theirs] = v
				delete(line, own)
			}
		}
		return line
	})
}
