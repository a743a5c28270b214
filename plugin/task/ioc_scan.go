package task

import (
	"encoding/base64"

	"github.com/kes-respond/kes-respond/shared"
)

// The help page calls ioc a path in its table and base64 in its example: it is
// the archive itself in base64, for a path on the caller's side would mean
// nothing to the host.
type iocScan struct {
	IOC               string `json:"ioc" jsonschema:"title=Indicators,description=ZIP of .ioc or .xml files (OpenIOC) in base64,minLength=1"`
	IsolateHost       bool   `json:"isolateHost" jsonschema:"title=Isolate,description=Isolate the host when an indicator is found"`
	ScanCriticalAreas bool   `json:"scanCriticalAreas" jsonschema:"title=Scan critical areas,description=Scan critical areas when an indicator is found"`
	QuarantineObject  bool   `json:"quarantineObject" jsonschema:"title=Quarantine,description=Move the object to Quarantine when an indicator is found"`
}

var _ = register(Spec[iocScan]{
	Name:    "iocScan",
	Summary: "search the host for indicators of compromise",
	Help: `Searches the host for indicators in OpenIOC files, and can isolate it, scan critical
areas or quarantine the object when one is found. Terms that the product does not
know match nothing, without an error. At most 2 MB a file and 10 MB in all; one
file per threat is best.`,
	Script:     "ioCScan.py",
	Effects:    []shared.Effect{shared.Scans, shared.Isolates, shared.Quarantines},
	D3FEND:     []string{"D3-IAA", "D3-FH"},
	Hints:      Hints{Destructive: true},
	LoadMember: "ioc",
	Load:       loadArchive,
	Sample: func() iocScan {
		data, err := zipped([]File{{Name: "sample.ioc", Data: []byte(sampleIOC)}})
		if err != nil {
			panic(err) // memory takes every write
		}
		return iocScan{IOC: base64.StdEncoding.EncodeToString(data)}
	},
	Validate: func(p iocScan) []shared.Violation {
		if err := checkBase64(p.IOC); err != nil {
			return []shared.Violation{{Pointer: "/ioc", Message: err.Error()}}
		}
		return nil
	},
	EffectsOf: func(p iocScan) []shared.Effect {
		effects := []shared.Effect{shared.Scans}
		if p.IsolateHost {
			effects = append(effects, shared.Isolates)
		}
		if p.QuarantineObject {
			effects = append(effects, shared.Quarantines)
		}
		return effects
	},
	Paths: func(p iocScan) []Path {
		if p.QuarantineObject {
			return onePath("", shared.Quarantines, false) // wherever it is found
		}
		return nil
	},
	Undo: func(p iocScan) (string, any) {
		if p.IsolateHost {
			return "isolateHost", isolateHost{0}
		}
		return "", nil
	},
	Warnings: func(p iocScan) []string {
		if p.IsolateHost {
			return []string{"the host isolates itself when an indicator is found"}
		}
		return nil
	},
})

// sampleIOC looks for the harmless test file that every virus scanner knows.
const sampleIOC = `<?xml version="1.0" encoding="utf-8"?>
<ioc xmlns="http://schemas.mandiant.com/2010/ioc" id="5b2cd5e2-0f6c-4d0e-8d0a-3a5f0a9a1c11">
  <short_description>EICAR test file</short_description>
  <definition><Indicator operator="OR"><IndicatorItem condition="is">
    <Context document="FileItem" search="FileItem/Md5sum" type="mir"/>
    <Content type="md5">44d88612fea8a8f36de82e1278abb02f</Content>
  </IndicatorItem></Indicator></definition>
</ioc>
`
