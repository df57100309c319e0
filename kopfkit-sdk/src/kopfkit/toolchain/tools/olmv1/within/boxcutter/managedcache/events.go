package managedcache

import (
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// events hands what an informer tells to every outlet whose predicates let it pass.
type events struct{ *tracking }

func (e events) outlet() []outlet {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return e.outlets
}

func (e events) OnAdd(object any, initial bool) {
	added, ok := object.(client.Object)
	if !ok {
		return
	}
	told := event.CreateEvent{Object: added, IsInInitialList: initial}
	for _, each := range e.outlet() {
		if all(each.predicates, func(p predicate.Predicate) bool { return p.Create(told) }) {
			each.handler.Create(each.ctx, told, each.queue)
		}
	}
}

func (e events) OnUpdate(before, after any) {
	old, ok := before.(client.Object)
	changed, fine := after.(client.Object)
	if !ok || !fine {
		return
	}
	told := event.UpdateEvent{ObjectOld: old, ObjectNew: changed}
	for _, each := range e.outlet() {
		if all(each.predicates, func(p predicate.Predicate) bool { return p.Update(told) }) {
			each.handler.Update(each.ctx, told, each.queue)
		}
	}
}

func (e events) OnDelete(object any) {
	if last, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = last.Obj
	}
	deleted, ok := object.(client.Object)
	if !ok {
		return
	}
	told := event.DeleteEvent{Object: deleted}
	for _, each := range e.outlet() {
		if all(each.predicates, func(p predicate.Predicate) bool { return p.Delete(told) }) {
			each.handler.Delete(each.ctx, told, each.queue)
		}
	}
}

func all(predicates []predicate.Predicate, passes func(predicate.Predicate) bool) bool {
	for _, each := range predicates {
		if !passes(each) {
			return false
		}
	}
	return true
}
