package main

import (
	"context"
	"os"

	"github.com/operator-framework/operator-controller/internal/catalogd/storage"
)

// stored lets catalogd unpack a catalog as it does on a cluster, with the index that it serves from.
func stored(asked request) error {
	root, err := os.MkdirTemp("", "catalogd-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	instance := storage.NewLocalDirV1(
		root, nil, storage.MetasHandlerEnabled, storage.GraphQLQueriesDisabled,
	)
	return instance.Store(context.Background(), "catalog", os.DirFS(asked.Directory))
}
