package ksc

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// pxgError is how a method fails with HTTP 200 (KSCAPI main page). Subcode and
// locdata may be absent. That it failed must not be lost because one of its
// members has an unexpected type.
type pxgError struct {
	Code    value `json:"code"`
	Subcode value `json:"subcode"`
	Module  value `json:"module"`
	Message value `json:"message"`
	Locdata value `json:"locdata"`
}

// failed puts KSC's own error into ours.
func (x *exchange) failed(resp *http.Response, p *pxgError) *Error {
	code, _ := p.Code.integer()
	subcode, _ := p.Subcode.integer()
	e := &Error{
		Method: x.method, Status: resp.StatusCode, Delivery: Answered, Code: int(code), Subcode: int(subcode),
		Module: p.Module.text(), Message: x.excerpt([]byte(p.text()), 4*excerptBytes),
	}
	if e.Message == "" {
		e.Message = "KSC gave no reason"
	}
	entry, ok := known(e.Module, e.Code)
	e.Kind = entry.kind
	if !ok { // else the module is a known one
		e.Module = x.excerpt([]byte(e.Module), maxModuleBytes)
	}
	return e
}

const maxModuleBytes = 32

// maxArgs bounds the arguments put into an error's text, and maxArgBytes each
// of them: a format may repeat one without end.
const (
	maxArgs     = 9
	maxArgBytes = 1 << 10
)

// text is the message in its localised form, where there is one: %1 to %9 in
// the format stand for the arguments, a missing one for nothing.
func (p *pxgError) text() string {
	var local struct {
		Format value           `json:"format"`
		Args   json.RawMessage `json:"args"`
	}
	format := ""
	if json.Unmarshal(p.Locdata.raw, &local) == nil {
		format = local.Format.text()
	}
	if format == "" {
		return p.Message.text()
	}
	var args [maxArgs]string
	n := 0
	// Arguments that cannot be read are left empty: the code says what failed.
	_ = elements(local.Args, maxArgs, func(d *json.Decoder) error {
		var arg value
		err := d.Decode(&arg)
		args[n] = clip(arg.text(), maxArgBytes)
		n++
		return err
	})
	var pairs []string
	for i, arg := range args {
		pairs = append(pairs, fmt.Sprintf("%%%d", i+1), arg)
	}
	if text := strings.NewReplacer(pairs...).Replace(clip(format, maxArgBytes)); text != "" {
		return text
	}
	return p.Message.text()
}

func clip(s string, most int) string { return s[:min(len(s), most)] }
