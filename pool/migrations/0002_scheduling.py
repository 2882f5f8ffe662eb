from django.db import migrations, models

import pool.domain.ids
import pool.domain.states


class Migration(migrations.Migration):
    dependencies = [
        ("pool", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="AlertRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=50)),
                (
                    "subject",
                    models.CharField(
                        blank=True, db_default="", help_text="Queue, task, worker or node.", max_length=120
                    ),
                ),
                ("level", models.CharField(max_length=8)),
                ("message", models.TextField(db_default="")),
                ("opened_at", models.DateTimeField()),
                (
                    "clear_since",
                    models.DateTimeField(blank=True, help_text="Since when no look has found it.", null=True),
                ),
                ("resolved_at", models.DateTimeField(blank=True, null=True)),
                (
                    "told_at",
                    models.DateTimeField(blank=True, help_text="When somebody was told that it opened.", null=True),
                ),
                ("resolution_told_at", models.DateTimeField(blank=True, null=True)),
                ("muted_until", models.DateTimeField(blank=True, null=True)),
                ("muted_by", models.CharField(blank=True, db_default="", max_length=150)),
            ],
            options={
                "verbose_name": "alert",
                "ordering": ["-opened_at"],
            },
        ),
        migrations.CreateModel(
            name="Batch",
            fields=[
                (
                    "id",
                    models.UUIDField(default=pool.domain.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(blank=True, db_default="", max_length=100)),
                ("total", models.IntegerField(db_default=0)),
                ("completed", models.IntegerField(db_default=0)),
                ("failed", models.IntegerField(db_default=0, help_text="Dead letters: FAILED or TIMEOUT.")),
                ("cancelled", models.IntegerField(db_default=0)),
                ("created_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("created_by", models.CharField(blank=True, db_default="", max_length=150)),
            ],
            options={
                "verbose_name_plural": "batches",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="BatchChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("batch", models.UUIDField()),
                ("completed", models.IntegerField(db_default=0)),
                ("failed", models.IntegerField(db_default=0)),
                ("cancelled", models.IntegerField(db_default=0)),
            ],
        ),
        migrations.CreateModel(
            name="JobDependency",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("child", models.UUIDField()),
                ("parent", models.UUIDField(help_text="A job or a batch: their ids are of one kind.")),
                (
                    "wants",
                    models.CharField(
                        choices=[
                            (pool.domain.states.ParentEnd["SUCCESS"], pool.domain.states.ParentEnd["SUCCESS"]),
                            (pool.domain.states.ParentEnd["FAILURE"], pool.domain.states.ParentEnd["FAILURE"]),
                            (pool.domain.states.ParentEnd["ANY"], pool.domain.states.ParentEnd["ANY"]),
                        ],
                        default=pool.domain.states.ParentEnd["SUCCESS"],
                        max_length=8,
                    ),
                ),
                ("met", models.BooleanField(db_default=False)),
                (
                    "fresh",
                    models.BooleanField(
                        db_default=True, help_text="A node has yet to look whether the parent has ended."
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "job dependencies",
            },
        ),
        migrations.CreateModel(
            name="KeyRate",
            fields=[
                ("key", models.CharField(max_length=100, primary_key=True, serialize=False)),
                ("tokens", models.FloatField()),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="ScheduleState",
            fields=[
                ("schedule", models.IntegerField(primary_key=True, serialize=False)),
                ("paused_at", models.DateTimeField(blank=True, null=True)),
                ("paused_by", models.CharField(blank=True, db_default="", max_length=150)),
                (
                    "last_due_at",
                    models.DateTimeField(blank=True, help_text="The time that its last run was due.", null=True),
                ),
                ("last_fired_at", models.DateTimeField(blank=True, null=True)),
                ("last_job", models.UUIDField(blank=True, null=True)),
                (
                    "missed",
                    models.IntegerField(
                        db_default=0, help_text="Runs that were left out because their time had passed."
                    ),
                ),
            ],
            options={
                "ordering": ["schedule"],
            },
        ),
        migrations.CreateModel(
            name="Tenant",
            fields=[
                ("name", models.CharField(max_length=100, primary_key=True, serialize=False)),
                (
                    "weight",
                    models.FloatField(db_default=1.0, help_text="Turns it gets for each turn of a tenant of weight 1."),
                ),
                (
                    "max_waiting",
                    models.IntegerField(blank=True, help_text="Most jobs it may have waiting; empty: any.", null=True),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="UniqueKey",
            fields=[
                ("key", models.CharField(max_length=200, primary_key=True, serialize=False)),
                ("job", models.UUIDField()),
                ("scope", models.CharField(help_text="waiting, running or period.", max_length=8)),
                ("until", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.AddField(
            model_name="job",
            name="batch",
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="job",
            name="lacks",
            field=models.CharField(
                blank=True,
                db_default="",
                help_text="What no worker had room to offer when it was claimed.",
                max_length=100,
            ),
        ),
        migrations.AddField(
            model_name="workersnapshot",
            name="capabilities",
            field=models.JSONField(
                db_default=models.Value([], models.JSONField()), help_text="What it offers to jobs that require it."
            ),
        ),
        migrations.AddField(
            model_name="workersnapshot",
            name="failed_in_row",
            field=models.BigIntegerField(db_default=0, help_text="Attempts that failed since the last success."),
        ),
        migrations.AddField(
            model_name="workersnapshot",
            name="mean_run_ms",
            field=models.FloatField(blank=True, help_text="Mean run time of its attempts.", null=True),
        ),
        migrations.AddField(
            model_name="job",
            name="limit_key",
            field=models.CharField(blank=True, db_default="", max_length=100),
        ),
        migrations.AddField(
            model_name="job",
            name="limit_rate",
            field=models.FloatField(blank=True, help_text="Most starts of its key in a second.", null=True),
        ),
        migrations.AddField(
            model_name="job",
            name="limit_running",
            field=models.SmallIntegerField(blank=True, help_text="Most jobs of its key at a time.", null=True),
        ),
        migrations.AddField(
            model_name="job",
            name="unique_key",
            field=models.CharField(blank=True, db_default="", max_length=200),
        ),
        migrations.AddField(
            model_name="job",
            name="waits_for",
            field=models.IntegerField(db_default=0, help_text="Parents whose end it waits for still."),
        ),
        migrations.AddField(
            model_name="node",
            name="scale_held_until",
            field=models.DateTimeField(
                blank=True, help_text="Until then the size that somebody asked for stays as it is.", null=True
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="burst",
            field=models.IntegerField(
                blank=True, help_text="Starts at once after a rest; empty: a second's.", null=True
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="max_running",
            field=models.IntegerField(blank=True, help_text="Most of its jobs at a time; empty: any.", null=True),
        ),
        migrations.AddField(
            model_name="queue",
            name="max_waiting",
            field=models.IntegerField(
                blank=True, help_text="Most jobs that may wait in it; empty: the setting's, 0: any.", null=True
            ),
        ),
        migrations.AddField(
            model_name="queue",
            name="rate",
            field=models.FloatField(blank=True, help_text="Most starts in a second on average; empty: any.", null=True),
        ),
        migrations.AddField(
            model_name="queue",
            name="tokens",
            field=models.FloatField(db_default=0.0, help_text="Starts it has left, at the time of the last claim."),
        ),
        migrations.AddField(
            model_name="queue",
            name="tokens_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="queue",
            name="weight",
            field=models.FloatField(
                db_default=1.0, help_text="Its share of the claims, beside queues that wait as well."
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                models.F("tenant"),
                models.F("queue"),
                models.F("priority"),
                models.OrderBy(models.F("rank"), descending=True),
                condition=models.Q(("finished_at__isnull", True), ("rank__gt", 0)),
                name="pool_job_turn",
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                models.F("batch"), models.F("id"), condition=models.Q(("batch__isnull", False)), name="pool_job_batch"
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                models.F("limit_key"),
                models.F("status"),
                condition=models.Q(
                    ("limit_key__gt", ""),
                    models.Q(
                        ("status", pool.domain.states.JobStatus["ASSIGNED"]),
                        ("status", pool.domain.states.JobStatus["RUNNING"]),
                        _connector="OR",
                    ),
                ),
                name="pool_job_key_executing",
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                models.F("limit_key"),
                models.F("queue"),
                models.OrderBy(models.F("priority"), descending=True),
                models.F("rank"),
                models.F("id"),
                condition=models.Q(
                    models.Q(("limit_key", ""), _negated=True),
                    ("lacks", ""),
                    ("status", pool.domain.states.JobStatus["BLOCKED"]),
                    ("waits_for", 0),
                ),
                name="pool_job_key_blocked",
            ),
        ),
        migrations.AddIndex(
            model_name="job",
            index=models.Index(
                models.F("lacks"),
                models.OrderBy(models.F("priority"), descending=True),
                models.F("rank"),
                models.F("id"),
                condition=models.Q(
                    models.Q(("lacks", ""), _negated=True), ("status", pool.domain.states.JobStatus["BLOCKED"])
                ),
                name="pool_job_lacks",
            ),
        ),
        migrations.AddIndex(
            model_name="alertrecord",
            index=models.Index(fields=["opened_at"], name="pool_alert_opened"),
        ),
        migrations.AddConstraint(
            model_name="alertrecord",
            constraint=models.UniqueConstraint(
                condition=models.Q(("resolved_at__isnull", True)), fields=("name", "subject"), name="pool_alert_once"
            ),
        ),
        migrations.AddIndex(
            model_name="jobdependency",
            index=models.Index(models.F("parent"), models.F("id"), name="pool_dependency_parent"),
        ),
        migrations.AddIndex(
            model_name="jobdependency",
            index=models.Index(models.F("parent"), condition=models.Q(("met", False)), name="pool_dependency_open"),
        ),
        migrations.AddIndex(
            model_name="jobdependency",
            index=models.Index(models.F("id"), condition=models.Q(("fresh", True)), name="pool_dependency_fresh"),
        ),
        migrations.AddConstraint(
            model_name="jobdependency",
            constraint=models.UniqueConstraint(fields=("child", "parent"), name="pool_dependency_once"),
        ),
        migrations.AddIndex(
            model_name="batchchange",
            index=models.Index(fields=["batch"], name="pool_batchchange_batch"),
        ),
        migrations.AddIndex(
            model_name="uniquekey",
            index=models.Index(fields=["job"], name="pool_unique_job"),
        ),
    ]
