package policyfile

import (
	"fmt"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/strict"
	"github.com/kes-respond/kes-respond/plugin/guard"
	"github.com/kes-respond/kes-respond/shared"
)

// parse reads what a policy file holds.
func parse(path string, data []byte) (guard.Policy, error) {
	var file guard.File
	var policy guard.Policy
	read := false
	err := strict.Parse(path, data, "policy", &file, func() (found []shared.Violation, err error) {
		read = file.Quota != "" || len(file.Deny)+len(file.Caps) > 0 || file.IsolatedHosts != nil
		policy, found = guard.New(file)
		return found, nil
	})
	if err == nil && !read {
		err = fmt.Errorf("%s forbids nothing: a policy like that is no file", path)
	}
	return policy, err
}
