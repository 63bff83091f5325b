// A real HashiCorp Vault for the tests: in memory, unsealed, KV version 2 at secret/, on loopback.
//
// It is Vault's own core, KV plugin, AppRole and Kubernetes logins behind Vault's own HTTP handler, without the storage
// engines, cloud logins and user interface that make the full program slow to build.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/audit"
	"github.com/hashicorp/vault/builtin/credential/approle"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/helper/namespace"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

// The environment variable with the root token. Not a flag: arguments can be read by everybody on the machine.
const tokenVariable = "CUTOVER_TEST_VAULT_TOKEN"

func main() {
	address := flag.String("listen", "127.0.0.1:0", "loopback address; port 0 takes a free one")
	auditLog := flag.String("audit", "", "file for Vault's audit log, in which values are hashed")
	flag.Parse()
	if err := serve(*address, *auditLog, os.Getenv(tokenVariable)); err != nil {
		fmt.Fprintln(os.Stderr, "vault:", err)
		os.Exit(1)
	}
}

func serve(address, auditLog, token string) error {
	if token == "" {
		return fmt.Errorf("%s has to hold the root token to be", tokenVariable)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	bound := listener.Addr().(*net.TCPAddr)
	if !bound.IP.IsLoopback() {
		return fmt.Errorf("%s is no loopback address", bound.IP)
	}
	core, root, err := unsealed()
	if err != nil {
		return err
	}
	if err := furnish(core, root, token, auditLog); err != nil {
		return err
	}
	line, err := json.Marshal(map[string]any{"url": "http://" + bound.String(), "pid": os.Getpid()})
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	handler := vaulthttp.Handler.Handler(&vault.HandlerProperties{
		Core: core,
		ListenerConfig: &configutil.Listener{
			Address:            bound.String(),
			MaxRequestSize:     vaulthttp.DefaultMaxRequestSize,
			MaxRequestDuration: vault.DefaultMaxRequestDuration,
		},
	})
	return (&http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}).Serve(listener)
}

// A core in memory, initialised and unsealed, with the root token that came of it.
func unsealed() (*vault.Core, string, error) {
	logger := hclog.New(&hclog.LoggerOptions{Name: "vault", Level: hclog.Warn, Output: os.Stderr})
	storage, err := inmem.NewInmem(nil, logger)
	if err != nil {
		return nil, "", err
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:           storage,
		StorageType:        "inmem",
		Logger:             logger,
		DisableMlock:       true,
		BuiltinRegistry:    registry{},
		LogicalBackends:    map[string]logical.Factory{"kv": kv.Factory},
		CredentialBackends: map[string]logical.Factory{"approle": approle.Factory, "kubernetes": kubernetes.Factory},
		AuditBackends:      map[string]audit.Factory{"file": audit.NewFileBackend},
		NumRollbackWorkers: 1,
	})
	if err != nil {
		return nil, "", err
	}
	seal := &vault.SealConfig{SecretShares: 1, SecretThreshold: 1, StoredShares: 1}
	result, err := core.Initialize(context.Background(), &vault.InitParams{
		BarrierConfig:  seal,
		RecoveryConfig: &vault.SealConfig{SecretShares: 1, SecretThreshold: 1},
	})
	if err != nil {
		return nil, "", err
	}
	open, err := core.Unseal(result.SecretShares[0])
	if err == nil && !open {
		err = fmt.Errorf("it stayed sealed")
	}
	return core, result.RootToken, err
}

// Mounts KV version 2 and exchanges the generated root token for the given one.
func furnish(core *vault.Core, root, token, auditLog string) error {
	ask := func(operation logical.Operation, path string, data map[string]any) error {
		request := &logical.Request{Operation: operation, ClientToken: root, Path: path, Data: data}
		response, err := core.HandleRequest(namespace.RootContext(context.Background()), request)
		if err == nil && response != nil && response.IsError() {
			err = response.Error()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	}
	if auditLog != "" {
		device := map[string]any{"type": "file", "options": map[string]any{"file_path": auditLog, "mode": "0600"}}
		if err := ask(logical.UpdateOperation, "sys/audit/file", device); err != nil {
			return err
		}
	}
	mount := map[string]any{"type": "kv", "options": map[string]any{"version": "2"}}
	if err := ask(logical.UpdateOperation, "sys/mounts/secret", mount); err != nil {
		return err
	}
	// A new mount of version 2 refuses its first requests, until it has written its own configuration.
	deadline := time.Now().Add(10 * time.Second)
	for ask(logical.ReadOperation, "secret/config", nil) != nil {
		if time.Now().After(deadline) {
			return fmt.Errorf("secret/ did not become ready")
		}
		time.Sleep(20 * time.Millisecond)
	}
	return ask(logical.UpdateOperation, "auth/token/create", map[string]any{
		"id": token, "policies": []string{"root"}, "no_parent": true, "no_default_policy": true,
	})
}

// The plugins that are compiled in, as Vault's catalogue asks for them.
type registry struct{}

var builtins = map[consts.PluginType]map[string]logical.Factory{
	consts.PluginTypeSecrets:    {"kv": kv.Factory},
	consts.PluginTypeCredential: {"approle": approle.Factory, "kubernetes": kubernetes.Factory},
}

func (registry) Get(name string, kind consts.PluginType) (func() (any, error), bool) {
	factory, there := builtins[kind][name]
	return func() (any, error) { return factory, nil }, there
}

func (registry) Contains(name string, kind consts.PluginType) bool {
	_, there := builtins[kind][name]
	return there
}

func (registry) Keys(kind consts.PluginType) []string {
	var names []string
	for name := range builtins[kind] {
		names = append(names, name)
	}
	return names
}

func (registry) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, registry{}.Contains(name, kind)
}

func (registry) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
