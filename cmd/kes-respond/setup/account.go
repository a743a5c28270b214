package setup

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/secret"
	"github.com/kes-respond/kes-respond/shared"
)

// account asks for the account and its password.
func (i *foundation) account(ctx context.Context) (err error) {
	if domain, given := i.Given["kscDomain"]; given {
		i.server.Domain = domain
	}
	internal, told := i.Given["kscInternalUser"]
	if told {
		i.server.InternalUser = internal == "true"
	}
	if err := i.user(ctx); err != nil {
		return err
	}
	if i.Ask != nil && !told && !i.server.InternalUser && i.server.Domain == "" {
		if i.server.InternalUser, err = i.Ask.Yes(ctx, "Does the account live in KSC, and not in Windows or a domain?"); err != nil {
			return err
		}
	}
	if _, known := i.server.Remembered(); !known && i.server.PasswordFile == "" {
		if i.Ask == nil {
			return exit.Usage("init: no password: set kscPassword in the environment, or kscPasswordFile to a file that only its owner can read")
		}
		password, err := i.Ask.Secret(ctx, "Password (it is not shown)", func(text string) error { return secret.Check("the answer", text) })
		if err != nil {
			return err
		}
		i.server.Remember(password)
	}
	i.area, err = i.wanted(ctx, "area", "", shared.DefaultArea, "Name of the calling application, as console tasks show it", shared.CheckArea)
	return err
}

// user asks for the account's name. As Windows writes it, with its domain before
// it, it is taken apart: KSC hears of the two by names of their own.
func (i *foundation) user(ctx context.Context) (err error) {
	whole := i.server.Domain != "" || i.server.InternalUser // then a backslash is one of the name's
	check := func(text string) error {
		domain, user, parted := strings.Cut(text, `\`)
		switch {
		case text == "":
			return errors.New("is needed")
		case !whole && parted && (domain == "" || user == ""):
			return errors.New(`needs a name before and after the \`)
		}
		return nil
	}
	if i.server.User, err = i.wanted(ctx, "kscUser", i.server.User, "", `Account (DOMAIN\user for one of a domain)`, check); err != nil || whole {
		return err
	}
	if domain, user, parted := strings.Cut(i.server.User, `\`); parted {
		i.server.Domain, i.server.User = domain, user
		fmt.Fprintf(i.Err, "kes-respond: taken as the account %s of the domain %s\n", printable.Text(user), printable.Text(domain))
	}
	return nil
}
