// Command olm-v1 asks the code of OLM v1 (operator-controller, catalogd) about bundles and catalogs.
//
// It is built inside a copy of operator-controller's module, whose packages are internal. It reads a
// request a line from standard input and writes an answer a line to standard output, both JSON, so
// that one process answers for many bundles.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/sirupsen/logrus"
)

// request is what is asked.
type request struct {
	// Ask is "bundle", "upgrade", "resolve" or "store".
	Ask string `json:"ask"`
	// Bundle is what "bundle" looks at, and the new one of "upgrade".
	Bundle source `json:"bundle"`
	// Namespace is where the bundle is installed.
	Namespace string `json:"namespace"`
	// Old is the installed bundle of "upgrade".
	Old source `json:"old"`
	// Live has the cluster's CRDs of "upgrade" that are not as the old bundle's are rendered, by name.
	Live map[string]json.RawMessage `json:"live"`
	// Stored has status.storedVersions of "upgrade" by name of the CRD; by default the old bundle's
	// storage version.
	Stored map[string][]string `json:"stored"`
	// Catalog is what "resolve" chooses from: the blobs of a file-based catalog.
	Catalog   []json.RawMessage `json:"catalog"`
	Package   string            `json:"package"`
	Channels  []string          `json:"channels"`
	Version   string            `json:"version"`
	Installed installed         `json:"installed"`
	// Directory has the file-based catalog of "store".
	Directory string `json:"directory"`
}

// answer is that to one request; one that fails as a whole has only Error.
type answer struct {
	Error   string         `json:"error"`
	Bundle  *bundleAnswer  `json:"bundle,omitempty"`
	Upgrade *upgradeAnswer `json:"upgrade,omitempty"`
	Chosen  string         `json:"chosen"`
}

func main() {
	logrus.SetOutput(io.Discard) // what opm's parser passes over is found by the renderer's
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		if err == nil {
			err = out.Encode(answered(line))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// answered is total: a panic in the code that is asked is its answer.
func answered(line []byte) (found answer) {
	defer func() {
		if reason := recover(); reason != nil {
			found = answer{Error: fmt.Sprintf("panic: %v", reason)}
		}
	}()
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{Error: err.Error()}
	}
	var err error
	switch asked.Ask {
	case "bundle":
		found.Bundle, err = judged(asked)
	case "upgrade":
		found.Upgrade, err = upgraded(asked)
	case "resolve":
		found.Chosen, err = chosen(asked)
	case "store":
		err = stored(asked)
	default:
		err = fmt.Errorf("unknown request %q", asked.Ask)
	}
	if err != nil {
		found.Error = err.Error()
	}
	return found
}
