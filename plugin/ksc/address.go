package ksc

import (
	"encoding/json"
	"errors"
	"net"
	"strconv"
	"strings"
	"unicode"
)

// DefaultPort is where KSC's OpenAPI listens unless somebody changed it.
const DefaultPort = "13299"

// CheckHost refuses what is more than a host: joined with a port it would name
// another one, or none. The error goes on after the name of the setting.
func CheckHost(host string) error {
	strange := func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("/@[]", r)
	}
	if host == "" || strings.ContainsFunc(host, strange) || strings.Count(host, ":") == 1 {
		return errors.New("must be a name or an address alone, without scheme and port (that is kscPort)")
	}
	if name, _, _ := strings.Cut(host, "%"); strings.Contains(host, ":") && net.ParseIP(name) == nil {
		return errors.New("is no address, and a name has no colon")
	}
	return nil
}

// ParsePort reads JSON: digits in quotes, as the help page writes them, or a
// whole number however JSON writes it. The error goes on after the name of the
// setting.
func ParsePort(data []byte) (string, error) {
	wrong := errors.New("must be a number from 1 to 65535")
	var text string
	var number float64
	if json.Unmarshal(data, &text) != nil {
		if json.Unmarshal(data, &number) != nil || number != float64(int(number)) {
			return "", wrong
		}
		text = strconv.Itoa(int(number))
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != text {
		return "", wrong
	}
	return text, nil
}

// Valid says what in a Config cannot be sent, as New does.
func (c Config) Valid() error {
	_, err := c.check()
	return err
}
