package ksc

import (
	"encoding/base64"
	"html"
	"net/url"
	"slices"
	"strings"
)

// secret is a text that does not print: fmt, log/slog and encoding/json show
// the address of a function and not what it returns, also where it lies in an
// unexported field, which no method of its own could protect.
type secret func() string

func hide(s string) secret { return func() string { return s } }

// shortestHidden is the length below which a text is not looked for: to cross
// out each "a" of a message would tell the password.
const shortestHidden = 4

// hidden is what no error may show, in the forms in which a page that quotes
// a request shows it.
func (c *Client) hidden() []string {
	var all []string
	for _, p := range c.passwords.all() {
		all = append(all, p, c.config.authorization(p))
	}
	return all
}

func forms(secrets []string) []string {
	var all []string
	for _, s := range secrets {
		inJSON, _ := asciiJSON(s)
		all = append(all, s, base64.StdEncoding.EncodeToString([]byte(s)), html.EscapeString(s), url.QueryEscape(s), url.PathEscape(s),
			strings.Trim(string(inJSON), `"`), strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s))
	}
	all = slices.DeleteFunc(all, func(s string) bool { return len(s) < shortestHidden })
	// The longest first: Replacer takes the first that fits.
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(all)
}

// excerpt is excerpt, of a text that may quote our request.
func (x *exchange) excerpt(data []byte, most int) string {
	if len(data) == 0 {
		return ""
	}
	longest := 0
	var pairs []string
	for _, s := range forms(x.hidden) {
		longest = max(longest, len(s))
		pairs = append(pairs, s, "[hidden]")
	}
	window := min(len(data), 2*(most+longest))
	if x.ask.foreign || x.ask.sealed != nil && quotes(string(data[:min(len(data), window+runMargin)]), x.ask.sealed()) {
		return withheld(data)
	}
	text := strings.NewReplacer(pairs...).Replace(string(data[:window]))
	cut := window < len(data)
	if cut {
		text = text[:max(0, len(text)-longest)] // a secret may have been cut there
	}
	return printable(text, most, cut)
}
