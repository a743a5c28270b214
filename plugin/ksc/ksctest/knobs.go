package ksctest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Knob is one kind of mischief and the sin of a client that it brings to light.
type Knob struct{ Name, Sin string }

const (
	knobDropBefore  = "drop-before-store"
	knobDropAfter   = "drop-after-store"
	knobStoreLate   = "store-late"
	knobTruncate    = "truncate"
	knobHTML        = "html"
	knob503         = "status-503"
	knobDelay       = "delay"
	knobEndSession  = "end-session"
	knobGzip        = "gzip-broken"
	knobNoSubcode   = "no-subcode"
	knobLongString  = "long-as-string"
	knobSwapCert    = "swap-cert"
	knobHuge        = "huge"
	knobNever       = "never"
	knobEmpty       = "empty"
	knobWrongType   = "wrong-type"
	knobNoDate      = "empty-datetime"
	knobStarting    = "starting"
	knobOverLimit   = "limit"
	knobUnavailable = "unavailable"
	knobNoClient    = "no-client"
	knobLogonFailed = "logon-failed"
	knobWebToken    = "web-token"
	knobUnknown     = "unknown-error"
	knobChunked     = "chunked"
	knobDropLater   = "drop-after-answer"
)

// Knobs lists all mischief in the order in which it is tried. Where several knobs would each replace the answer of one
// request, the first in this list wins; the rest combine.
func Knobs() []Knob {
	return []Knob{
		{knobSwapCert, "trusts whatever certificate it meets (whole connections; cannot be bound to a method)"},
		{knobEndSession, "does not log in again, or loops doing so, when the login is gone (403 by session, 401 by connection)"},
		{knobDropBefore, "takes a lost answer for a success (nothing was carried out)"},
		{knobStoreLate, "looks once for a lost incident, does not find it yet, and sends it again (not carried out if the server ends first)"},
		{knob503, "takes a refusal by a proxy for an answer, or repeats at once for ever (nothing was carried out)"},
		{knobStarting, "takes KLSTD 1195 subcode 1, server starting, for a final no (nothing was carried out)"},
		{knobUnavailable, "takes KLSTD 1195 subcode 2, I/O suspended, for a final no (nothing was carried out)"},
		{knobOverLimit, "repeats a call refused with KLSTD 1229, limit exceeded, at once or for ever (nothing was carried out)"},
		{knobNoClient, "does not log in again when KLWAT 1445 says that the server knows it no more (nothing was carried out)"},
		{knobLogonFailed, "tries a logon again that KLWAT 1453 refused (nothing was carried out)"},
		{knobWebToken, "tries a token again that KLWAT 1454 refused (nothing was carried out)"},
		{knobUnknown, "takes an error whose code it does not know, KLOLA 2351, for a success (nothing was carried out)"},
		{knobDropAfter, "takes a lost answer for a failure and sends again (it was carried out)"},
		{knobNever, "waits without a limit for headers (it was carried out)"},
		{knobHuge, "reads a body without an end (it was carried out)"},
		{knobTruncate, "believes half an answer (it was carried out)"},
		{knobHTML, "takes any 200 for success, as a proxy's page (it was carried out)"},
		{knobEmpty, "takes an empty 200 for success (it was carried out)"},
		{knobGzip, "passes over errors of decompression (it was carried out)"},
		{knobWrongType, "reads PxgRetVal without checking its type (it was carried out)"},
		{knobNoSubcode, "needs the subcode or locdata of an error, which older servers leave out"},
		{knobLongString, "reads a long only as a number"},
		{knobNoDate, "cannot read a datetime without a value"},
		{knobChunked, "reads an answer only by its Content-Length (it was carried out)"},
		{knobDropLater, "takes a new connection for the one that it had logged in on (it was carried out and answered)"},
		{knobDelay, "has a shorter patience than it says, or none (it was carried out at once)"},
	}
}

// rule is a knob set to a probability, for one method or for all.
type rule struct {
	knob, method string
	chance       float64
}

// SetMischief replaces what the knobs are set to, from the next request or connection on.
func (s *Server) SetMischief(m map[string]float64) error {
	rules, err := s.rules(m)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	s.mischief = rules
	return nil
}

// rules checks what knobs are to be set to.
func (s *Server) rules(m map[string]float64) (rules []rule, err error) {
	for _, k := range Knobs() {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if name, method, _ := strings.Cut(key, "@"); name == k.Name {
				rules = append(rules, rule{name, method, m[key]})
			}
		}
	}
	if len(rules) != len(m) {
		for key := range m {
			name, _, _ := strings.Cut(key, "@")
			if !slices.ContainsFunc(rules, func(r rule) bool { return r.knob == name }) {
				return nil, fmt.Errorf("ksctest: no mischief is called %q", name)
			}
		}
	}
	for _, r := range rules {
		_, known := s.table[r.method]
		switch {
		case !(r.chance >= 0 && r.chance <= 1):
			return nil, fmt.Errorf("ksctest: probability %v of %s is outside 0 to 1", r.chance, r.knob)
		case r.method != "" && (r.knob == knobSwapCert || !known && r.method != "login"):
			return nil, fmt.Errorf("ksctest: %s cannot be bound to %q", r.knob, r.method)
		}
	}
	return rules, nil
}

// ParseMischief reads "name[@Class.Method][=probability],..." for Options.Mischief; without a probability it is 1. That
// the knobs and methods exist is left to New.
func ParseMischief(text string) (map[string]float64, error) {
	out := map[string]float64{}
	for _, entry := range strings.Split(text, ",") {
		key, number, given := strings.Cut(strings.TrimSpace(entry), "=")
		chance := 1.0
		if given {
			var err error
			if chance, err = strconv.ParseFloat(number, 64); err != nil {
				return nil, fmt.Errorf("ksctest: mischief %q: %q is no probability", key, number)
			}
		}
		if _, twice := out[key]; key == "" || twice || strings.HasSuffix(key, "@") {
			return nil, fmt.Errorf("ksctest: mischief %q is empty or given twice", entry)
		}
		out[key] = chance
	}
	return out, nil
}
