"""What a job printed and logged, in bounded chunks."""

from typing import ClassVar

from django.db import models


class JobLog(models.Model):
    job = models.ForeignKey("pool.Job", on_delete=models.CASCADE, related_name="log_set", db_index=False)
    epoch = models.IntegerField()
    at = models.DateTimeField()
    stream = models.CharField(max_length=8, help_text="stdout, stderr, log or note.")
    text = models.TextField()

    class Meta:
        ordering: ClassVar = ["job", "id"]
        indexes: ClassVar = [models.Index(fields=["job", "id"], name="pool_joblog_job")]

    def __str__(self) -> str:
        return f"{self.job_id} {self.stream}"
