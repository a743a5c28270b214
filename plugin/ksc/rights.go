package ksc

import (
	"slices"
	"strings"
)

// Right is what an account may lack where a method is refused with a missing
// right. None of it is confirmed against a live KSC: the reference does not say
// which right a method needs.
type Right struct {
	Methods []string `json:"methods"` // Class.Method, or "Class.*" for all of a class
	Use     string   `json:"use"`     // what the methods are called for
	Right   string   `json:"right"`   // the right that may be missing, and where
	Basis   string   `json:"basis"`   // why it is thought so
}

// rights lists which right may be missing for which method that is called here.
//
// Kaspersky's own table of rights (support.kaspersky.com, KSC 13 201621, KSC
// Linux 16 203748) names no method, and puts all that it does not list under
// Basic functionality.
func rights() []Right {
	const (
		rest      = "Kaspersky's table of rights puts all that it does not list there"
		undefined = "the reference names none"
	)
	return []Right{
		{
			Methods: []string{"Session.StartSession"}, Use: "to log in",
			Right: "leave to log in to this Administration Server, or to the virtual one that kscVServer names, from this machine's address",
			Basis: "the reference names no right; KSC can bind accounts to servers and to addresses",
		},
		{
			Methods: []string{"Session.Ping", "Session.EndSession"}, Use: "to try a session, and to end it",
			Right: "none beyond the session itself", Basis: undefined,
		},
		{
			Methods: []string{"HostGroup.FindHosts", "HostGroup.GetHostInfo"}, Use: "to find the host",
			Right: "Read in Basic functionality, on the host's group", Basis: rest + "; another vendor's integration that lists hosts asks for it",
		},
		{
			Methods: []string{"HostGroup.AddIncident", "HostGroup.UpdateIncident"}, Use: "to send the request",
			Right: "Write (Modify in older versions) in Basic functionality, on the host's group; an account that may run all nine tasks is sometimes given the role Main Administrator",
			Basis: rest + ", and a sample of Kaspersky's speaks of that role",
		},
		{
			Methods: []string{"HostGroup.FindIncidents"}, Use: "for status, recover and a lost answer",
			Right: "Read in Basic functionality, on the host's group", Basis: rest,
		},
		{
			Methods: []string{"ChunkAccessor.*"}, Use: "to read what a search found",
			Right: "that of the search itself: FindHosts or FindIncidents", Basis: undefined,
		},
		{
			Methods: []string{"HostGroup.GetStaticInfo"}, Use: "for KSC's version, in check",
			Right: "Read in Basic functionality, on the Administration Server", Basis: rest,
		},
		{
			Methods: []string{"ConEvents.*"}, Use: "to ask whether a service console is connected, in check",
			Right: "Read in Basic functionality, on the Administration Server", Basis: rest + "; Execute in the area of product integration is what the console itself needs",
		},
		{
			Methods: []string{"HostGroup.GetHostTasks"}, Use: "to find the console tasks of one host alone",
			Right: "Read in Basic functionality, on the host's group", Basis: rest,
		},
		{
			Methods: []string{"SrvView.*"}, Use: "to read how a console task of one host alone stands",
			Right: "Read in Basic functionality, on the groups in the list", Basis: rest,
		},
		{
			Methods: []string{"Tasks.*", "HostTasks.*", "EventProcessing.*", "EventProcessingFactory.*"}, Use: "to follow the console task",
			Right: "Read in Basic functionality, on the host's group, and Read in the functional areas of Kaspersky Endpoint Security",
			Basis: rest + "; rights on console tasks of Kaspersky Endpoint Security go by its own areas",
		},
	}
}

// rightOf is the right that a method may need. The zero Right says that nothing
// is known of it.
func rightOf(method string) Right {
	class, _, _ := strings.Cut(method, ".")
	for _, r := range rights() {
		if slices.Contains(r.Methods, method) || slices.Contains(r.Methods, class+".*") {
			return r
		}
	}
	return Right{}
}

// missing says for people which right it may be.
func (r Right) missing(method string) string {
	if r.Right == "" {
		return "Which one " + method + " needs is not known."
	}
	return "What " + method + " may need (not confirmed): " + r.Right + "."
}
