package main

import (
	"errors"
	"strings"
)

// errPasswordTyped quotes nothing: what was typed may be the password, and
// whatever reads our errors is no place for it.
var errPasswordTyped = errors.New("no password is taken from a command line: every user of this machine can read it there, and the shell keeps it. " +
	"Put it into the environment (kscPassword), or into a file that only its owner can read (chmod 600) and name that in kscPasswordFile, " +
	"or have kscPasswordCommand in the configuration print it, or hand over the systemd credential kscPassword. " +
	"If others may have seen this one, change it")

// namesPassword says that a flag's name begins as people call one for a
// password, in any case: letters, '_' and '-' with one of these words among
// them. A pattern would be compiled in each start, before anything else.
func namesPassword(name string) bool {
	name = strings.ToLower(strings.ToUpper(name)) // both: the long s has only an upper case, the sign for Kelvin only a lower one
	if end := strings.IndexFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' && r != '-' }); end >= 0 {
		name = name[:end]
	}
	for _, word := range [...]string{"password", "passwd", "passwort", "passphrase", "pwd", "secret", "credential", "token"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// passwordTyped says that a command line holds a password, or a flag that would
// be one, wherever it stands: also in the place of another flag's value, which
// would carry it into the ledger. Only what a started program is given may look
// so.
func passwordTyped(args []string) bool {
	for i, word := range args {
		if i > 0 && args[i-1] == "--arguments" {
			continue
		}
		name := strings.TrimLeft(word, "-")
		dashes := len(word) - len(name)
		name, _, assigned := strings.Cut(name, "=")
		switch {
		case dashes > 0 && namesPassword(name) && !strings.ContainsAny(name, " \t"):
			return true
		case dashes == 1 && strings.HasPrefix(strings.ToLower(name), "p"): // -p, -pPASSWORD: no flag of ours
			return true
		case dashes == 0 && assigned && namesPassword(name) && !strings.ContainsAny(name, " \t/\\"):
			return true
		}
	}
	return false
}
