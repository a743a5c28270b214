package task

import "github.com/kes-respond/kes-respond/shared"

type getFile struct{ fileRef }

var _ = register(Spec[getFile]{
	Name:    "getFile",
	Summary: "get a copy of a file from the host",
	Help: `Gets a copy of a file, named by path, hash or both, into the Quarantine of the
host, where it can be fetched from the console. The file itself stays.`,
	Script:  "getFile.py",
	Effects: []shared.Effect{shared.Reads},
	Hints:   Hints{Idempotent: true},
	Sample:  func() getFile { return getFile{sampleFile()} },
	Validate: func(p getFile) []shared.Violation {
		return p.check()
	},
	Paths: func(p getFile) []Path { return onePath(p.Path, shared.Reads, false) },
})

// sampleFile is the harmless test file that every virus scanner knows.
func sampleFile() fileRef {
	return fileRef{
		MD5:    "44d88612fea8a8f36de82e1278abb02f",
		SHA256: "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
		Path:   `C:\Windows\Temp\eicar.com`,
	}
}
