package journal

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
)

// readKey finds the secret of the chain. It is made only with a new ledger:
// with a key of its own an old one could not be told from a forged one.
func (j *Journal) readKey(fresh bool) error {
	if len(j.options.Key) > 0 {
		j.secret = j.options.Key
		return nil
	}
	f, err := j.open(keyFile, os.O_RDONLY)
	if isMissing(err) && fresh {
		secret := make([]byte, 32)
		rand.Read(secret) // never fails
		if err := j.replace(keyFile, append(hex.AppendEncode(nil, secret), '\n')); err != nil {
			return j.placeError("its key cannot be written", err)
		}
		j.secret = secret
		return nil
	}
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(f, 1<<10))
		err = errors.Join(err, f.Close())
	}
	if err == nil {
		j.secret, err = hex.DecodeString(string(bytes.TrimSpace(text)))
	}
	if err == nil && len(j.secret) < 16 {
		err = errors.New("it is too short")
	}
	var e *Error
	if err != nil && !errors.As(err, &e) {
		err = &Error{Secret, "the key of the ledger in " + j.dir + " cannot be read", "Bring the file key back from a backup. Without it no line can be proved and none may be added: set the directory aside as evidence; a new one starts empty.", nil, err}
	}
	return err
}

// secretName names the key in the ledger without telling it.
func (j *Journal) secretName() string { return j.keyed("key")[:16] }

// keyed is a digest that only who has the key can make.
func (j *Journal) keyed(parts ...string) string {
	h := hmac.New(sha256.New, j.secret)
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Digest names a text, the same one always in the same way. Who cannot read the
// key of this ledger can neither make it nor guess the text by it.
func (j *Journal) Digest(text string) string { return j.keyed("text", text) }
