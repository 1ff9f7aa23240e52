"""Worker monitoring inside a FastAPI application.

PYTHONPATH=examples/worker_monitoring python -m uvicorn main:app
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from application.services import (
    BackgroundTasksBus,
    BackgroundTaskScheduler,
    WorkerMonitoringScheduler,
)
from application.settings import app_settings
from application.webhooks import WebhookNotificationHandler
from fastapi import APIRouter, FastAPI, HTTPException
from pydantic import BaseModel

from wca.logger import configure_logging
from wca.workers import (
    AwsEc2Client,
    CMLWorker,
    CMLWorkerRepository,
    InMemoryCMLWorkerRepository,
    ServiceCollection,
)


def create_services() -> ServiceCollection:
    """What the application is made of."""
    services, bus = ServiceCollection(), BackgroundTasksBus()
    services.add_singleton(CMLWorkerRepository, InMemoryCMLWorkerRepository())
    services.add_singleton(AwsEc2Client, AwsEc2Client())
    services.add_singleton(BackgroundTasksBus, bus)
    services.add_singleton(
        BackgroundTaskScheduler,
        BackgroundTaskScheduler(
            background_task_bus=bus,
            job_store=app_settings.background_job_store,
            service_provider=services,
        ),
    )
    return services


def configure_worker_monitoring(app: FastAPI) -> None:
    """Monitor workers while the application runs."""
    # Get services from the container
    worker_repository = app.state.services.get_required_service(CMLWorkerRepository)
    aws_client = app.state.services.get_required_service(AwsEc2Client)
    background_task_bus = app.state.services.get_required_service(BackgroundTasksBus)
    background_task_scheduler = app.state.services.get_required_service(BackgroundTaskScheduler)

    # Create notification handler
    notification_handler = WebhookNotificationHandler(
        app_settings.worker_notification_webhooks, cpu_threshold=90.0, memory_threshold=90.0
    )

    # Create monitoring scheduler
    scheduler = WorkerMonitoringScheduler(
        worker_repository=worker_repository,
        aws_client=aws_client,
        notification_handler=notification_handler,
        background_task_bus=background_task_bus,
        background_task_scheduler=background_task_scheduler,
        poll_interval=app_settings.worker_metrics_poll_interval,
    )

    # Starlette ignores on_event("startup") of an application that has a lifespan; that of a router
    # is run beside the application's own.
    @asynccontextmanager
    async def monitoring(_: FastAPI) -> AsyncIterator[None]:
        notification_handler.start()
        try:
            await scheduler.start_async()
            yield
        finally:
            await scheduler.stop_async()
            await asyncio.to_thread(notification_handler.close)

    app.include_router(APIRouter(lifespan=monitoring))


class NewWorker(BaseModel):
    """An instance that becomes a worker."""

    name: str
    aws_region: str
    aws_instance_id: str


routes = APIRouter(prefix="/workers")


@routes.post("", status_code=201)
async def import_worker(new: NewWorker) -> dict[str, Any]:
    """Import an instance; from then on it is monitored."""
    worker = CMLWorker.import_instance(new.name, new.aws_region, new.aws_instance_id)
    await workers().add_async(worker)
    return asdict(worker.state)


@routes.get("")
async def active_workers() -> list[dict[str, Any]]:
    """All workers that have not ended."""
    return [asdict(worker.state) for worker in await workers().get_active_workers_async()]


@routes.get("/{worker_id}")
async def one_worker(worker_id: str) -> dict[str, Any]:
    """One worker."""
    return asdict((await found(worker_id)).state)


@routes.delete("/{worker_id}", status_code=204)
async def forget_worker(worker_id: str) -> None:
    """Say that a worker has ended; from then on it is not monitored. Its instance is left alone."""
    worker = await found(worker_id)
    worker.terminate()
    await workers().update_async(worker)


def workers() -> CMLWorkerRepository:
    """Where workers are kept."""
    return app.state.services.get_required_service(CMLWorkerRepository)


async def found(worker_id: str) -> CMLWorker:
    """The worker, or the answer 404."""
    worker = await workers().get_by_id_async(worker_id)
    if worker is None:
        raise HTTPException(404, f"there is no worker {worker_id}")
    return worker


def create_app() -> FastAPI:
    """The application, with a lifespan of its own, as most have."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        configure_logging({"wca": "INFO"})
        yield

    app = FastAPI(title="Workers", lifespan=lifespan)
    app.state.services = create_services()
    app.include_router(routes)
    if app_settings.worker_monitoring_enabled:
        configure_worker_monitoring(app)
    return app


app = create_app()
