package setup

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/config"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// certificate shows what the server shows, and has it compared before a password
// leaves. A kscCert that is false, as the help page has it, vouches for nothing.
func (i *foundation) certificate(ctx context.Context) error {
	if len(i.server.Cert) == 1 && config.Off(i.server.Cert[0]) {
		i.server.Cert = nil
	}
	trust, err := i.server.Cert.Trust()
	if err != nil {
		return exit.Usage("%w", err)
	}
	client, err := ksc.New(ksc.Config{
		Addr: hostPort(i.server), User: "nobody", AskPassword: func(context.Context) (string, error) { return "", errors.New("no password is asked for here") },
		Trust: trust, Proxy: config.Proxy(i.Getenv), UserAgent: i.UserAgent,
	})
	if err != nil {
		return exit.Usage("%w", err)
	}
	i.shown, err = client.Certificate(ctx)
	if err != nil {
		return exit.With(shared.ExitReach, fmt.Errorf("%w; nothing was written", err))
	}
	fmt.Fprintf(i.Err, "The server shows this certificate:\n  subject  %s\n  issuer   %s\n  valid    %s to %s\n  SHA-256  %s\n",
		printable.Text(i.shown.Subject), printable.Text(i.shown.Issuer), i.shown.NotBefore.Format(time.DateOnly), i.shown.NotAfter.Format(time.DateOnly), i.shown.SHA256)
	given, compared := i.Given["pin"]
	pin, _ := ksc.ParsePin(given)
	switch {
	case compared && hex.EncodeToString(pin[:]) != strings.ToLower(i.shown.SHA256):
		return exit.With(shared.ExitReach, fmt.Errorf("this is not the certificate that --pin names: either it was replaced, or somebody stands between; nothing was written"))
	case compared:
	case i.shown.Problem == "": // what kscCert names vouches for it, or the system's authorities do
		return nil
	case len(i.server.Cert) > 0:
		return exit.With(shared.ExitReach, fmt.Errorf("kscCert does not vouch for it: %s; nothing was written", i.shown.Problem))
	case i.Ask == nil:
		return exit.Usage("init: compare the SHA-256 with the certificate on the Administration Server, and say --pin %s; nothing was written", i.shown.SHA256)
	default:
		fmt.Fprintln(i.Err, "Compare the SHA-256 with the certificate on the Administration Server itself (klserver.cer), not over this connection.")
		same, err := i.Ask.Yes(ctx, "Is it the same?")
		if err != nil {
			return err
		}
		if !same {
			return exit.With(shared.ExitCancelled, errors.New("not the same: nothing was written"))
		}
	}
	i.server.Cert = config.Certs{i.shown.SHA256}
	return nil
}
