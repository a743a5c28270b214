package rpc

import (
	"context"
	"io"
	"log/slog"
	"strings"
)

// The names under which go-plugin's host looks for the parts of a log line. It
// panics where one of them is no string, so nothing from outside may own them.
const (
	keyLevel   = "@level"
	keyMessage = "@message"
	keyTime    = "@timestamp"
)

// LogHandler writes log lines for a go-plugin host to read from the plugin's
// standard error, with the levels that it knows. An attribute that bears a name
// with a meaning to the host is renamed, and a text that would make the line
// longer than a host reads at once is cut.
func LogHandler(w io.Writer, level slog.Leveler) slog.Handler {
	return &logHandler{inner: slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: forHost})}
}

// forHost renames what slog itself writes at the top level.
func forHost(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.LevelKey:
		if level, ok := a.Value.Any().(slog.Level); ok {
			return slog.String(keyLevel, levelForHost(level))
		}
	case slog.TimeKey:
		if a.Value.Kind() == slog.KindTime {
			return slog.String(keyTime, a.Value.Time().UTC().Format("2006-01-02T15:04:05.000000Z07:00"))
		}
	case slog.MessageKey:
		return slog.String(keyMessage, a.Value.String())
	}
	return a
}

func levelForHost(l slog.Level) string {
	switch {
	case l < slog.LevelDebug:
		return "trace"
	case l < slog.LevelInfo:
		return "debug"
	case l < slog.LevelWarn:
		return "info"
	case l < slog.LevelError:
		return "warn"
	}
	return "error"
}

// logHandler keeps attributes away from the names that forHost gives out.
type logHandler struct {
	inner   slog.Handler
	grouped bool // attributes lie deeper than a host looks
}

// Enabled says whether a level is written.
func (h *logHandler) Enabled(ctx context.Context, l slog.Level) bool { return h.inner.Enabled(ctx, l) }

// Handle writes one line.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, clip(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.clean(a))
		return true
	})
	return h.inner.Handle(ctx, clean)
}

// WithAttrs adds attributes to every line.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	cleaned := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		cleaned[i] = h.clean(a)
	}
	return &logHandler{inner: h.inner.WithAttrs(cleaned), grouped: h.grouped}
}

// WithGroup puts what follows into a group.
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &logHandler{inner: h.inner.WithGroup(renamed(name)), grouped: true}
}

func (h *logHandler) clean(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch {
	case v.Kind() == slog.KindGroup && a.Key == "" && !h.grouped: // its members stand at the top level
		members := v.Group()
		cleaned := make([]slog.Attr, len(members))
		for i, m := range members {
			cleaned[i] = h.clean(m)
		}
		v = slog.GroupValue(cleaned...)
	case v.Kind() == slog.KindString:
		v = slog.StringValue(clip(v.String()))
	}
	if !h.grouped {
		a.Key = renamed(a.Key)
	}
	return slog.Attr{Key: a.Key, Value: v}
}

func renamed(key string) string {
	switch {
	case key == slog.LevelKey, key == slog.TimeKey, key == slog.MessageKey, strings.HasPrefix(key, "@"):
		return "attr." + key
	}
	return key
}

// longestText keeps a line well below the 64 KiB that a host reads at once.
const longestText = 16 << 10

func clip(s string) string {
	if len(s) <= longestText {
		return s
	}
	return strings.ToValidUTF8(s[:longestText], "") + "…"
}
